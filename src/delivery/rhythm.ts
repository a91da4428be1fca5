import type { Clock, Timer } from '../runtime/clock.ts'
import type { TakeLimits } from './backlog.ts'
import type { Queue } from './queue.ts'
import type { Batching, DeliverySettings } from './settings.ts'

/** How long batches gather under load where a `batch` processor was written without a timeout. */
const promptMs = 5

/**
 * When a queue sends and how much at once. Of its own accord: at once to an idle destination, then when `linger` has
 * passed since the last send, or a full batch is there. With written batch settings: by size and age, to the letter.
 */
export class Rhythm {
  limits: TakeLimits
  /** From now on everything goes at once. */
  hurry = false
  private readonly settings: DeliverySettings
  private readonly queue: Queue
  private readonly clock: Clock
  private readonly go: (now: number) => void
  private batching: Batching | undefined
  private lastSend = Number.NEGATIVE_INFINITY
  private wake: Timer | undefined
  /** The time that `linger` or `flush_timeout` asks for is over. */
  private rested = false

  constructor(settings: DeliverySettings, queue: Queue, clock: Clock, go: (now: number) => void) {
    this.settings = settings
    this.queue = queue
    this.clock = clock
    this.go = go
    this.batching = settings.batching
    this.limits = limitsOf(settings, settings.batching)
  }

  obey(batching: Batching): void {
    this.batching = batching
    this.limits = limitsOf(this.settings, batching)
  }

  /** A send begins. */
  beat(now: number): void {
    this.lastSend = now
    this.rested = false
  }

  /** Whether what is queued should go now; otherwise `go` is called when it is time. */
  due(now: number): boolean {
    if (this.rested || this.hurry || this.enough()) return true
    const wait = this.dueAt() - now
    if (wait <= 0) return true
    this.wake ??= this.clock.after(wait, this.onWake)
    return false
  }

  stop(): void {
    this.wake?.cancel()
    this.wake = undefined
  }

  /** Whether so much is queued that it goes at once. */
  enough(): boolean {
    const { queue, batching, limits } = this
    if (!batching) return queue.records >= limits.enoughRecords || queue.bytes >= limits.enoughBytes
    if (queue.bytes >= limits.enoughBytes) return true
    return (batching.sizer === 'items' ? queue.records : queue.bytes) >= batching.minSize
  }

  /** When what is queued goes, however little it is. */
  private dueAt(): number {
    const { queue, batching, settings } = this
    if (batching?.flushMs !== undefined) return queue.oldest! + batching.flushMs
    return this.lastSend + (batching ? Math.min(settings.lingerMs, promptMs) : settings.lingerMs)
  }

  private onWake = (): void => {
    this.wake = undefined
    if (this.queue.records === 0) return
    const now = this.clock.monotonic()
    // Since the timer was set a full batch may have gone. A system timer may be a fraction of a millisecond early.
    this.rested = this.dueAt() - now < 1
    this.go(now)
  }
}

/** Our own rhythm joins up to the limits; written batch settings join up to `min_size` and cut at `max_size`. */
function limitsOf(settings: DeliverySettings, batching: Batching | undefined): TakeLimits {
  const none = Number.POSITIVE_INFINITY
  if (!batching) {
    const { maxBatchRecords: records, maxBatchBytes: bytes } = settings
    return { records, bytes, enoughRecords: records, enoughBytes: bytes, fill: false }
  }
  const items = batching.sizer === 'items'
  // Nobody wrote an age or a largest size: what peers commonly take in one message stays the bound.
  const ownBytes = batching.flushMs === undefined && batching.maxSize === 0 && items ? settings.maxBatchBytes : none
  const most = batching.maxSize || none
  const enough = batching.maxSize || Math.max(1, batching.minSize)
  return {
    records: items ? most : none,
    bytes: items ? ownBytes : most,
    enoughRecords: items ? enough : none,
    enoughBytes: items ? ownBytes : enough,
    fill: true,
  }
}
