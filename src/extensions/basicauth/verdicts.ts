import { createHash } from 'node:crypto'
import type { Check } from './htpasswd.ts'

/** What was found out about credentials. A slow check is made once for each of them, one at a time. */
export interface Verdicts {
  /** Whether `password` is right; `busy`: too many wait already. A promise only when it has to be found out. */
  ask(pair: string, password: string, check: Check): boolean | Promise<boolean> | 'busy'
}

/** Credentials that are kept, of those that are right and of those that are wrong; by digest, never themselves. */
const mostKnown = 1000
/** Credentials that may wait for their check. */
const mostWaiting = 64

export function newVerdicts(): Verdicts {
  // Apart, so that whoever tries many does not make the right ones forgotten.
  const right = new Set<string>()
  const wrong = new Set<string>()
  const waiting = new Map<string, Promise<boolean>>()
  let last: Promise<unknown> = Promise.resolve()

  const remember = (digest: string, same: boolean) => {
    const known = same ? right : wrong
    if (known.size >= mostKnown) known.clear()
    known.add(digest)
    return same
  }
  return {
    ask(pair, password, check) {
      if ('quick' in check) return check.quick(password)
      const digest = createHash('sha256').update(pair).digest('base64')
      if (right.has(digest)) return true
      if (wrong.has(digest)) return false
      const asked = waiting.get(digest)
      if (asked) return asked
      if (waiting.size >= mostWaiting) return 'busy'
      const answer = last
        .then(() => check.slow(password))
        .then((same) => remember(digest, same))
        .finally(() => waiting.delete(digest))
      last = answer.catch(() => false)
      waiting.set(digest, answer)
      return answer
    },
  }
}
