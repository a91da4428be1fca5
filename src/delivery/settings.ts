import type { Retry } from './backoff.ts'
import type { DeliveryConfig } from './fields.ts'
import type { WhenFull } from './queue.ts'

/** Batch settings that are obeyed to the letter: the Collector's `sending_queue.batch`, or the `batch` processor. */
export interface Batching {
  /**
   * A batch is sent this long after its first record came, however small it is. Milliseconds; undefined where nobody
   * wrote it: then our own rhythm sends, at once when idle, every few milliseconds under load.
   */
  readonly flushMs: number | undefined
  /** It is sent at once when it has this much. */
  readonly minSize: number
  /** It is cut so that it has no more; 0: no limit. */
  readonly maxSize: number
  readonly sizer: 'items' | 'bytes'
  /** Names of request metadata in lower case: records that differ in them are not joined. */
  readonly metadataKeys?: readonly string[]
}

/** One batching for a queue that several `batch` processors lead to: the earliest and smallest of each setting. */
export function strictest(all: readonly Batching[]): Batching | undefined {
  const [first, ...rest] = all
  return first && rest.reduce(stricter, first)
}

function stricter(a: Batching, b: Batching): Batching {
  const flushes = [a.flushMs, b.flushMs].filter((ms) => ms !== undefined)
  const cuts = [a.maxSize, b.maxSize].filter((size) => size > 0)
  const keys = [...new Set([...(a.metadataKeys ?? []), ...(b.metadataKeys ?? [])])]
  return {
    flushMs: flushes.length > 0 ? Math.min(...flushes) : undefined,
    minSize: Math.min(a.minSize, b.minSize),
    maxSize: cuts.length > 0 ? Math.min(...cuts) : 0,
    sizer: a.sizer,
    ...(keys.length > 0 && { metadataKeys: keys }),
  }
}

/** A queue on disk: what bounds it besides its storage. */
export interface DiskSettings {
  /** Id of the extension. */
  readonly storage: string
  readonly maxRecords: number | undefined
  readonly maxRequests: number | undefined
  readonly maxBytes: number | undefined
}

/** The settings of one queue and its sending, in one spelling. Absent bounds do not bind. */
export interface DeliverySettings {
  readonly whenFull: WhenFull
  readonly maxRecords: number | undefined
  readonly maxRequests: number | undefined
  readonly maxPayload: number | undefined
  readonly maxBytes: number | undefined
  readonly maxMemory: number | undefined
  readonly consumers: number
  /** Whether senders wait until it is known what became of their records. */
  readonly awaited: boolean
  readonly lingerMs: number
  readonly maxBatchRecords: number
  readonly maxBatchBytes: number
  readonly batching: Batching | undefined
  /** Undefined: the queue is in memory alone. */
  readonly disk: DiskSettings | undefined
  /** Per attempt; 0: none. */
  readonly timeoutMs: number
  /** Undefined: one attempt. */
  readonly retry: Retry | undefined
}

const bound = (value: number | undefined) => (value ? value : undefined)

/** Turns what the file says, in our spelling or the Collector's, into settings. What `sending_queue` says wins. */
export function deliverySettings(config: DeliveryConfig): DeliverySettings {
  const { sending_queue: queue } = config
  const disk = diskOf(queue)
  const bytes = bound(config.queue_bytes)
  return {
    ...bounds(config),
    disk,
    maxBytes: disk ? Math.min(bytes ?? windowBytes, windowBytes) : bytes,
    maxMemory: bound(config.max_memory),
    awaited: !queue.enabled || queue.wait_for_result,
    ...(queue.enabled ? rhythm(config) : callByCall(config)),
    timeoutMs: config.timeout,
    retry: retry(config.retry_on_failure),
  }
}

/** Of a queue on disk no more than this stands in memory: eight of our largest requests. */
const windowBytes = 8 << 20

/** What `sending_queue.queue_size` counts, in its unit; nothing when it is left out. */
function queueSize({ queue_size: size, sizer }: DeliveryConfig['sending_queue']) {
  const of = (unit: typeof sizer) => (sizer === unit ? size : undefined)
  return { maxRecords: of('items'), maxRequests: of('requests'), maxPayload: of('bytes') }
}

function diskOf(queue: DeliveryConfig['sending_queue']): DiskSettings | undefined {
  if (!queue.enabled || queue.storage === undefined) return undefined
  const { maxPayload: maxBytes, ...counts } = queueSize(queue)
  return { storage: queue.storage, ...counts, maxBytes }
}

function rhythm(config: DeliveryConfig) {
  return {
    consumers: config.sending_queue.num_consumers,
    lingerMs: config.linger,
    maxBatchRecords: config.max_batch_records || Number.POSITIVE_INFINITY,
    maxBatchBytes: config.max_batch_bytes || Number.POSITIVE_INFINITY,
    batching: batching(config.sending_queue),
  }
}

/** Whether one call follows the other, with a queue or without. */
const keepsOrder = (queue: DeliveryConfig['sending_queue']) => queue.num_consumers === 1

/** Without a queue every batch is a call of its own, as it came. */
function callByCall({ sending_queue: queue }: DeliveryConfig) {
  return {
    consumers: keepsOrder(queue) ? 1 : Number.POSITIVE_INFINITY,
    lingerMs: 0,
    maxBatchRecords: Number.POSITIVE_INFINITY,
    maxBatchBytes: Number.POSITIVE_INFINITY,
    batching: undefined,
  }
}

function bounds(config: DeliveryConfig) {
  const { sending_queue: queue } = config
  // Without a queue senders wait for calls, whose bytes are bounded too.
  if (!queue.enabled) {
    const maxRequests = keepsOrder(queue) ? 1 : undefined
    return { whenFull: 'wait' as const, maxRecords: undefined, maxRequests, maxPayload: undefined }
  }
  const { queue_size: size, block_on_overflow: block } = queue
  const whenFull: WhenFull = block === undefined ? config.when_full : block ? 'wait' : 'refuse'
  // On disk it bounds what stands there.
  if (size === undefined || queue.storage !== undefined) {
    const maxRequests = bound(config.queue_requests)
    return { whenFull, maxRecords: bound(config.queue_size), maxRequests, maxPayload: undefined }
  }
  return { whenFull, ...queueSize(queue) }
}

function batching({ batch, sizer }: DeliveryConfig['sending_queue']): Batching | undefined {
  if (!batch) return undefined
  const own = batch.sizer ?? (sizer === 'bytes' ? 'bytes' : 'items')
  const keys = batch.partition?.metadata_keys.map((key) => key.toLowerCase()) ?? []
  return {
    flushMs: batch.flush_timeout,
    minSize: batch.min_size,
    maxSize: batch.max_size,
    sizer: own,
    ...(keys.length > 0 && { metadataKeys: keys }),
  }
}

function retry(config: DeliveryConfig['retry_on_failure']): Retry | undefined {
  if (!config.enabled) return undefined
  return {
    initialMs: config.initial_interval,
    multiplier: config.multiplier,
    randomization: config.randomization_factor,
    maxMs: config.max_interval,
    maxElapsedMs: config.max_elapsed_time,
    maxRetries: config.max_retries,
  }
}
