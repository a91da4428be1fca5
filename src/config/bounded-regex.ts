import { setFlagsFromString } from 'node:v8'

let bounded = false

/**
 * V8's matcher goes back and forth, for exponential time on patterns such as `(a+)+$`; RE2 never does. With these flags
 * V8 gives a match that went back 50,000 times to its linear matcher, and says which patterns that takes (`isLinear`).
 * They hold for patterns compiled from now on.
 */
export function boundBacktracking(): void {
  if (bounded) return
  bounded = true
  setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks')
  setFlagsFromString('--enable-experimental-regexp-engine')
}

/** Whether V8's linear matcher takes a valid pattern: not with more than 16 repetitions, looking ahead, or the flags `i` and `u`. */
export function isLinear(text: string, flags = ''): boolean {
  try {
    new RegExp(text, `${flags}l`)
    return true
  } catch {
    return false
  }
}

const noted = new Set<string>()
const most = 100

/** Remembers a pattern that nothing bounds, for whoever checks the configuration it stands in. */
export function noteUnbounded(source: string): void {
  if (noted.size < most) noted.add(source)
}

/** The patterns noted since the last call. */
export function takeUnbounded(): string[] {
  const all = [...noted]
  noted.clear()
  return all
}
