import type { Clock } from 'tailrace/plugin'

const minuteMs = 60_000

/** Mean size of what was sent in the last full minute, in bytes; 0 when nothing was. */
export class EnvelopeAverage {
  value = 0
  private readonly clock: Clock
  private bytes = 0
  private envelopes = 0
  private timer: { cancel(): void } | undefined

  constructor(clock: Clock) {
    this.clock = clock
  }

  start(): void {
    this.timer ??= this.clock.after(minuteMs, () => this.roll())
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = undefined
  }

  add(bytes: number, envelopes: number): void {
    this.bytes += bytes
    this.envelopes += envelopes
  }

  private roll(): void {
    this.value = this.envelopes > 0 ? this.bytes / this.envelopes : 0
    this.bytes = this.envelopes = 0
    this.timer = undefined
    this.start()
  }
}
