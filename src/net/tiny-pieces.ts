import type { Clock } from '../runtime/clock.ts'

/** Shorter than this on average, data says less than it costs to take it: each piece costs as much as a small message. */
const MIN_PIECE_BYTES = 16
const FLOOD_MS = 1_000

/** Judges the pieces in which a peer sends its data, so many at a time. Who sends as many over a longer time is left alone. */
export class TinyPieces {
  readonly #clock: Clock
  readonly #lookedAt: number
  #pieces = 0
  #bytes = 0
  #since: number

  constructor(clock: Clock, lookedAt: number) {
    this.#clock = clock
    this.#lookedAt = lookedAt
    this.#since = clock.monotonic()
  }

  /** Takes the next piece; true when it is the last of so many tiny ones within a second. */
  isFlood(bytes: number): boolean {
    this.#bytes += bytes
    if (++this.#pieces < this.#lookedAt) return false
    const now = this.#clock.monotonic()
    const isFlood = this.#bytes < this.#lookedAt * MIN_PIECE_BYTES && now - this.#since < FLOOD_MS
    this.#pieces = 0
    this.#bytes = 0
    this.#since = now
    return isFlood
  }
}
