import { expect, test } from 'vitest'
import { deliveryConfig } from '../../test/support/delivery.ts'
import { object } from '../config/fields.ts'
import { type DeliveryConfig, type DeliveryDefaults, deliveryFields } from './fields.ts'
import { deliverySettings } from './settings.ts'

const settings = (written: Record<string, unknown>, defaults: DeliveryDefaults = {}) =>
  deliverySettings(deliveryConfig(written, defaults))

const otlp: DeliveryDefaults = {
  queue_size: 0,
  queue_requests: 1000,
  queue_bytes: '64MiB',
  num_consumers: 10,
  linger: '20ms',
}

test('the parsed fields are a DeliveryConfig', () => {
  const config: DeliveryConfig = object(deliveryFields()).parse({})
  expect(config.linger).toBe(2)
})

test('without a word: 10,000 records, 16 MiB, refuse, one sender, retries as in the Collector', () => {
  expect(settings({})).toEqual({
    awaited: false,
    whenFull: 'refuse',
    maxRecords: 10_000,
    maxRequests: undefined,
    maxPayload: undefined,
    maxBytes: 16 << 20,
    maxMemory: undefined,
    consumers: 1,
    lingerMs: 2,
    maxBatchRecords: 1000,
    maxBatchBytes: 1 << 20,
    batching: undefined,
    timeoutMs: 5000,
    retry: { initialMs: 5000, multiplier: 1.5, randomization: 0.5, maxMs: 30_000, maxElapsedMs: 300_000 },
  })
})

test.each([
  ['the Collector queue counts requests', { sending_queue: { queue_size: 50 } }, { maxRequests: 50 }],
  ['or items', { sending_queue: { queue_size: 50, sizer: 'items' } }, { maxRecords: 50, maxRequests: undefined }],
  ['or bytes', { sending_queue: { queue_size: 50, sizer: 'bytes' } }, { maxPayload: 50, maxRequests: undefined }],
  [
    'what it says stands above queue_size',
    { queue_size: 7, sending_queue: { queue_size: 50 } },
    { maxRecords: undefined },
  ],
  [
    'on disk it bounds what stands there',
    { sending_queue: { queue_size: 50, storage: 'file_storage' } },
    {
      maxRequests: 1000,
      maxBytes: 8 << 20,
      disk: { storage: 'file_storage', maxRequests: 50, maxRecords: undefined, maxBytes: undefined },
    },
  ],
  ['queue_size alone bounds records as well', { queue_size: 7 }, { maxRecords: 7, maxRequests: 1000 }],
  ['block_on_overflow waits', { sending_queue: { block_on_overflow: true } }, { whenFull: 'wait' }],
  [
    'block_on_overflow: false refuses',
    { when_full: 'wait', sending_queue: { block_on_overflow: false } },
    { whenFull: 'refuse' },
  ],
  [
    'no queue: every batch is a call, and its sender waits',
    { sending_queue: { enabled: false } },
    { awaited: true, whenFull: 'wait', maxRequests: undefined, consumers: Number.POSITIVE_INFINITY, lingerMs: 0 },
  ],
  [
    'no queue where order counts: one call at a time',
    { sending_queue: { enabled: false, num_consumers: 1 } },
    { awaited: true, maxRequests: 1, consumers: 1 },
  ],
  ['wait_for_result', { sending_queue: { wait_for_result: true } }, { awaited: true, whenFull: 'refuse' }],
  ['retries off', { retry_on_failure: { enabled: false } }, { retry: undefined }],
  [
    'batch turns batching on',
    { sending_queue: { batch: {} } },
    { batching: { flushMs: 200, minSize: 8192, maxSize: 0, sizer: 'items' } },
  ],
  [
    'batches are kept apart by metadata',
    { sending_queue: { batch: { partition: { metadata_keys: ['X-Tenant'] } } } },
    { batching: { metadataKeys: ['x-tenant'] } },
  ],
  [
    'batching takes the sizer of the queue',
    { sending_queue: { sizer: 'bytes', queue_size: 1e6, batch: { min_size: 10, max_size: 20 } } },
    { batching: { flushMs: 200, minSize: 10, maxSize: 20, sizer: 'bytes' } },
  ],
])('%s', (_, written, expected) => {
  expect(settings(written, otlp)).toMatchObject(expected)
})

test.each([
  [
    { sending_queue: { batch: { min_size: 2, max_size: 1 } } },
    '`max_size` (1) must be greater or equal to `min_size` (2)',
  ],
  [{ sending_queue: { num_consumers: 0 } }, '`num_consumers` must be positive'],
  [{ sending_queue: { queue_size: 0 } }, '`queue_size` must be positive'],
  [{ sending_queue: { batch: { flush_timeout: '0s' } } }, '`flush_timeout` must be positive'],
  [{ sending_queue: { storage: '' } }, 'must not be empty'],
  [
    { sending_queue: { wait_for_result: true, storage: 'file_storage' } },
    '`wait_for_result` is not supported with a persistent queue configured with `storage`',
  ],
  [
    { sending_queue: { sizer: 'items', queue_size: 5, batch: { min_size: 6 } } },
    '`min_size` must be less than or equal to `queue_size`',
  ],
  [{ retry_on_failure: { max_elapsed_time: '1s' } }, "'max_elapsed_time' must not be less than 'initial_interval'"],
])('%j is refused', (written, message) => {
  const { error } = object(deliveryFields()).safeParse(written)
  expect(error?.issues[0]?.message).toBe(message)
})
