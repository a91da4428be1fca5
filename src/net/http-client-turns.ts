import { HttpFailure } from './http-client-reply.ts'

/** So many at a time; who waits comes in the order of asking. */
export class Turns {
  #free: number
  readonly #waiting = new Set<() => void>()

  constructor(most: number) {
    this.#free = most
  }

  take(): boolean {
    if (this.#free <= 0) return false
    this.#free--
    return true
  }

  /** Resolves with the turn taken, or rejects when the signal aborts. */
  wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = () => {
        this.#waiting.delete(go)
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        this.#waiting.delete(go)
        reject(new HttpFailure('no connection was free in time', true))
      }
      this.#waiting.add(go)
      signal.addEventListener('abort', leave, { once: true })
      if (signal.aborted) leave()
    })
  }

  give(): void {
    const [next] = this.#waiting
    if (next) next()
    else this.#free++
  }
}
