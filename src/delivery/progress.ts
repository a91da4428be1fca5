/** What keeps a queue from delivering. */
export interface Trouble {
  /** For people: what fails, in the words of the other side or of the disk. */
  readonly error: string
  /** Monotonic milliseconds. */
  readonly since: number
  /** Repeating does not help: the other side refuses everything. */
  readonly lasting: boolean
}

/** After so long without a delivery, while there is something to deliver, silence and refusals count as trouble. */
export const silenceMs = 30_000

/** What became of the last attempts of one queue. Times are monotonic milliseconds. */
export class Progress {
  private deliveredAt = Number.NEGATIVE_INFINITY
  private failure: { readonly since: number; error: string } | undefined
  private refusal: { readonly since: number; error: string; last: number } | undefined

  /** The last attempt failed, or it has not been answered yet after one that did. */
  get failing(): boolean {
    return this.failure !== undefined
  }

  delivered(now: number): void {
    this.deliveredAt = now
    this.failure = undefined
    this.refusal = undefined
  }

  /** The other side takes calls again, whatever it said to this one. */
  answered(): void {
    this.failure = undefined
  }

  /** An attempt came to nothing: another may succeed. */
  failed(now: number, error: string): void {
    if (this.failure) this.failure.error = error
    else this.failure = { since: now, error }
  }

  /** The other side refused all of a batch for good. */
  refused(now: number, error: string): void {
    if (!this.refusal) this.refusal = { since: now, error, last: now }
    this.refusal.error = error
    this.refusal.last = now
  }

  /**
   * What is wrong right now. `oldest` is since when the oldest record waits, undefined while none does; `patienceMs` is how
   * long records may wait on purpose.
   */
  trouble(now: number, oldest: number | undefined, patienceMs = 0): Trouble | undefined {
    const { failure, refusal, deliveredAt } = this
    if (failure) return { ...failure, lasting: false }
    // One refused batch says something of that batch; nothing else for so long says something of the other side.
    if (refusal && refusal.last - refusal.since >= silenceMs)
      return {
        error: `everything is refused: ${refusal.error || 'without a reason'}`,
        since: refusal.since,
        lasting: true,
      }
    if (oldest === undefined) return undefined
    const since = Math.max(oldest, deliveredAt)
    if (now - since < silenceMs + patienceMs) return undefined
    const seconds = Math.floor((now - since) / 1000)
    return { error: `nothing was delivered for ${seconds} s while records wait`, since, lasting: false }
  }
}
