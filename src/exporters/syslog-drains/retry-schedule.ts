/** Attempts of one message before it is given up. */
const attempts = 22
const longestMs = 15_000
/** The first failure that is followed by the longest pause: a drain that was given up on goes on from here. */
const firstLongest = 15

/** Pause after failure number `failures` (from 0): 1, 1, 2, 4 ... 8192 ms, then 15 s. */
export const pauseMs = (failures: number): number =>
  failures === 0 ? 1 : Math.min(2 ** Math.min(failures - 1, 30), longestMs)

/**
 * When a drain is tried again. The schedule belongs to the connection: what fails after a message was given up waits 15 s
 * at once, so a dead drain does not start over with quick attempts for each of its messages.
 */
export class RetrySchedule {
  /** Failures since the last success. */
  failures = 0

  /** Notes a failure and answers the pause that follows it. */
  failed(): number {
    return pauseMs(this.failures++)
  }

  /** Whether the oldest message has had all its attempts. */
  get exhausted(): boolean {
    return this.failures >= attempts
  }

  /** The message was dropped: the next one has its attempts, with long pauses between. */
  givenUp(): void {
    this.failures = firstLongest
  }

  worked(): void {
    this.failures = 0
  }
}
