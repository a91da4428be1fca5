import { isLinear } from '../config/bounded-regex.ts'

const { exec } = RegExp.prototype

/**
 * Like `regex.exec(text)`, in texts of megabytes too: V8 has 64 MiB for ways back, which `^(.*)$` fills with 8 MiB, groups
 * repeated with 2. Its linear matcher needs no such room, but 40 ns a character, so it is asked when that has run out.
 * Throws a RangeError for patterns that it does not take (config/bounded-regex.ts).
 */
export function execWithRoom(regex: RegExp, text: string): RegExpExecArray | null {
  try {
    return exec.call(regex, text)
  } catch (cause) {
    const linear = linearOf(regex, cause)
    const match = linear.exec(text)
    regex.lastIndex = linear.lastIndex
    return match
  }
}

/** Like `regex.test(text)`: see `execWithRoom`. */
export function testWithRoom(regex: RegExp, text: string): boolean {
  try {
    return regex.test(text)
  } catch (cause) {
    return linearOf(regex, cause).test(text)
  }
}

function linearOf(regex: RegExp, cause: unknown): RegExp {
  if (!(cause instanceof RangeError) || !isLinear(regex.source, regex.flags)) throw cause
  const linear = new RegExp(regex.source, `${regex.flags}l`)
  linear.lastIndex = regex.lastIndex
  return linear
}
