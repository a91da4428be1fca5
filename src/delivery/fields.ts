import { block, bool, duration, extensionId, int, list, number, object, oneOf, size } from '../config/fields.ts'
import type { WhenFull } from './queue.ts'

/** What differs from one exporter to the next. Durations and sizes as people write them. */
export interface DeliveryDefaults {
  when_full?: WhenFull
  /** Records; 0: no bound. Default 10,000. */
  queue_size?: number
  /** Batches as they came; 0: no bound, the default. */
  queue_requests?: number
  /** Default 16MiB. */
  queue_bytes?: string | number
  /** Default 2ms, for streams; calls that are answered one by one want 20ms. */
  linger?: string | 0
  max_batch_records?: number
  max_batch_bytes?: string | number
  /** Default 5s. */
  timeout?: string | 0
  /** Concurrent sends. Default 1: order is kept. */
  num_consumers?: number
  retry?: boolean
  initial_interval?: string
  max_interval?: string
  max_elapsed_time?: string | 0
}

/** The settings of queue, batching, retry and timeout that every exporter spreads into its `config`. */
export function deliveryFields(defaults: DeliveryDefaults = {}) {
  return {
    when_full: oneOf(['drop_oldest', 'drop_newest', 'refuse', 'wait'])
      .default(defaults.when_full ?? 'refuse')
      .describe(
        'What a full queue does: lose the oldest or the newest records, refuse what comes, or let it wait. For receivers whose protocol cannot refuse, the last two lose the newest.',
      ),
    queue_size: int({ min: 0 })
      .default(defaults.queue_size ?? 10_000)
      .describe('Bound of the queue in records; 0: none. `sending_queue.queue_size` stands above it.'),
    queue_requests: int({ min: 0 })
      .default(defaults.queue_requests ?? 0)
      .describe('Bound of the queue in batches as they came; 0: none. `sending_queue.queue_size` stands above it.'),
    queue_bytes: size({ min: 0 })
      .default(defaults.queue_bytes ?? '16MiB')
      .describe('Bound of the queue in bytes of memory; 0: none.'),
    max_memory: size({ min: 0 })
      .default(0)
      .describe('Bound of the memory of all queues of this exporter together; 0: only `service.memory_limit`.'),
    linger: duration({ min: '0s' })
      .default(defaults.linger ?? '2ms')
      .describe(
        'Least time between two sends, so that batches grow under load. An idle destination is sent to at once.',
      ),
    max_batch_records: int({ min: 0 })
      .default(defaults.max_batch_records ?? 1000)
      .describe('Sent at once when this many records are queued, and at most this many together; 0: no limit.'),
    max_batch_bytes: size({ min: 0 })
      .default(defaults.max_batch_bytes ?? '1MiB')
      .describe('Sent at once when this many bytes are queued, and at most this many together; 0: no limit.'),
    timeout: duration({ min: '0s' })
      .default(defaults.timeout ?? '5s')
      .describe('For each attempt; 0: none.'),
    retry_on_failure: retryField(defaults),
    sending_queue: queueField(defaults.num_consumers ?? 1),
    dead_letter: deadLetterField(),
  }
}

function retryField(defaults: DeliveryDefaults) {
  const { initial_interval = '5s', max_interval = '30s', max_elapsed_time = '300s' } = defaults
  return object({
    enabled: bool()
      .default(defaults.retry ?? true)
      .describe('Off: one attempt.'),
    initial_interval: duration({ min: '0s' }).default(initial_interval).describe('Pause before the first repeat.'),
    multiplier: number({ min: 0 }).default(1.5).describe('Growth of the pause from one repeat to the next.'),
    randomization_factor: number({ min: 0, max: 1 })
      .default(0.5)
      .describe('A pause d is drawn from [d * (1 - f), d * (1 + f)].'),
    max_interval: duration({ min: '0s' }).default(max_interval).describe('Longest pause.'),
    max_elapsed_time: duration({ min: '0s' })
      .default(max_elapsed_time)
      .describe('Given up when the next pause would end later than this after the first attempt; 0: never.'),
    max_retries: int({ min: 0 }).optional().describe('Given up after this many repeats. Left out: no such limit.'),
  })
    .superRefine(retryFaults)
    .default({})
    .describe('How failed sends are repeated.')
}

function queueField(consumers: number) {
  return object({
    enabled: bool()
      .default(true)
      .describe('Off: no queue. Each batch is a call, and its sender is told how it ended, repeats included.'),
    num_consumers: int()
      .default(consumers)
      .refine((n) => n > 0, '`num_consumers` must be positive')
      .describe('Concurrent sends. More than one keeps no order.'),
    queue_size: int()
      .refine((n) => n > 0, '`queue_size` must be positive')
      .optional()
      .describe('Bound of the queue, in units of `sizer`.'),
    sizer: oneOf(['requests', 'items', 'bytes']).default('requests').describe('What `queue_size` counts.'),
    block_on_overflow: bool().optional().describe('true is `when_full: wait`, false is `when_full: refuse`.'),
    wait_for_result: bool()
      .default(false)
      .describe('Senders are answered when it is known what became of their data, not when the queue has taken it.'),
    storage: extensionId()
      .optional()
      .describe(
        'Id of the extension that keeps the queue on disk: `file_storage`. What is not delivered then survives the end of the process.',
      ),
    batch: block({
      flush_timeout: duration({ min: '-1h' })
        .default('200ms')
        .refine((ms) => ms > 0, '`flush_timeout` must be positive')
        .describe('A batch is sent when it is this old.'),
      min_size: int({ min: 0 }).default(8192).describe('It is sent at once when it has this much.'),
      max_size: int({ min: 0 }).default(0).describe('It is cut to this much; 0: no limit.'),
      sizer: oneOf(['items', 'bytes']).optional().describe('What the sizes count; default: as `sizer` of the queue.'),
      partition: object({
        metadata_keys: list()
          .default([])
          .describe('Request headers: records that came with different values of them are never sent together.'),
      })
        .default({})
        .describe('What batches are kept apart by.'),
    }).describe('Batching by size and age, in place of `linger` and `max_batch_*`.'),
  })
    .superRefine(queueFaults)
    .default({})
    .describe("The Collector's spelling of the queue's settings.")
}

function deadLetterField() {
  return block({
    storage: extensionId().describe('Id of the extension that keeps them: `file_storage`.'),
    max_bytes: size({ min: 0 }).default('64MiB').describe('Most that is kept; then the oldest go. 0: none.'),
    max_age: duration({ min: '0s' }).default(0).describe('How long they are kept; 0: for good.'),
  }).describe(
    'Keeps what the backend refuses for good, with what it said, to be looked at and sent again by `tailrace queue`.',
  )
}

type Report = { addIssue(issue: { code: 'custom'; path: string[]; message: string }): void }

const fault = (report: Report, path: string[], message: string) => report.addIssue({ code: 'custom', path, message })

function retryFaults(retry: DeliveryConfig['retry_on_failure'], report: Report): void {
  const most = retry.max_elapsed_time
  if (!retry.enabled || most === 0) return
  for (const name of ['initial_interval', 'max_interval'] as const) {
    if (most < retry[name]) fault(report, ['max_elapsed_time'], `'max_elapsed_time' must not be less than '${name}'`)
  }
}

function queueFaults(queue: DeliveryConfig['sending_queue'], report: Report): void {
  const { batch, queue_size, sizer } = queue
  if (queue.wait_for_result && queue.enabled && queue.storage !== undefined) {
    const text = '`wait_for_result` is not supported with a persistent queue configured with `storage`'
    fault(report, ['wait_for_result'], text)
  }
  if (!batch) return
  const { min_size: least, max_size: most } = batch
  if (most > 0 && most < least) {
    fault(report, ['batch', 'max_size'], `\`max_size\` (${most}) must be greater or equal to \`min_size\` (${least})`)
  }
  const own = batch.sizer ?? (sizer === 'bytes' ? 'bytes' : 'items')
  if (queue_size !== undefined && own === sizer && least > queue_size) {
    fault(report, ['batch', 'min_size'], '`min_size` must be less than or equal to `queue_size`')
  }
}

/** What an exporter's config has when it spreads `deliveryFields()`. */
export interface DeliveryConfig {
  when_full: WhenFull
  queue_size: number
  queue_requests: number
  queue_bytes: number
  max_memory: number
  linger: number
  max_batch_records: number
  max_batch_bytes: number
  timeout: number
  retry_on_failure: {
    enabled: boolean
    initial_interval: number
    multiplier: number
    randomization_factor: number
    max_interval: number
    max_elapsed_time: number
    max_retries?: number | undefined
  }
  sending_queue: {
    enabled: boolean
    num_consumers: number
    queue_size?: number | undefined
    sizer: 'requests' | 'items' | 'bytes'
    block_on_overflow?: boolean | undefined
    wait_for_result: boolean
    storage?: string | undefined
    batch?:
      | {
          flush_timeout: number
          min_size: number
          max_size: number
          sizer?: 'items' | 'bytes' | undefined
          partition?: { metadata_keys: readonly string[] } | undefined
        }
      | undefined
  }
  dead_letter?: { storage: string; max_bytes: number; max_age: number } | undefined
}

/** Whether an exporter with these settings has queues or dead letters on disk. */
export function keepsOnDisk(config: unknown): boolean {
  const { sending_queue: queue, dead_letter: letters } = (config ?? {}) as Partial<DeliveryConfig>
  return (queue?.enabled && queue.storage !== undefined) || letters !== undefined
}

/** Whether a component with these settings keeps records of different origins apart in its queues. */
export function keepsOriginsApart(config: unknown): boolean {
  const { sending_queue: queue } = (config ?? {}) as Partial<DeliveryConfig>
  return (queue?.batch?.partition?.metadata_keys.length ?? 0) > 0
}
