import { describe, expect, test } from 'vitest'
import { envelopes, otlpLogs, textsOf } from '../../test/support/delivery.ts'
import { ManualClock } from '../runtime/clock.ts'
import type { Batch } from '../telemetry/batch.ts'
import { Receipt } from '../telemetry/receipt.ts'
import { Refused } from './admission.ts'
import { Budget, entryCost } from './budget.ts'
import { Queue, type QueueOptions } from './queue.ts'

const all = {
  records: Number.POSITIVE_INFINITY,
  bytes: Number.POSITIVE_INFINITY,
  enoughRecords: Number.POSITIVE_INFINITY,
  enoughBytes: Number.POSITIVE_INFINITY,
  fill: false,
}

function newQueue(options: Partial<QueueOptions> & { maxBytes?: number; maxMemory?: number }) {
  const memory = new Budget('service', options.maxMemory)
  const budget = memory.child('queue', options.maxBytes)
  const clock = new ManualClock()
  const lost: Record<string, number> = {}
  const onDrop = (reason: string, records: number) => {
    lost[reason] = (lost[reason] ?? 0) + records
  }
  const queue = new Queue({ whenFull: 'drop_oldest', clock, budget, memory, onDrop, ...options })
  const put = (batch: Batch) => {
    const entry = queue.push(batch, clock.monotonic())
    if (entry) queue.stay(entry)
  }
  const texts = () => {
    const part = queue.take(all)
    if (part) queue.done(part)
    return part ? textsOf(part.batch) : []
  }
  return { queue, put, texts, lost, budget, memory, clock }
}

const letters = (from: string, count: number) =>
  Array.from({ length: count }, (_, i) => String.fromCharCode(from.charCodeAt(0) + i))

describe('drop_oldest', () => {
  test.each([
    ['envelopes', envelopes],
    ['logs', otlpLogs],
  ])('removes exactly as many of the oldest records as needed, cutting a batch where it must (%s)', (_, make) => {
    const { put, texts, lost } = newQueue({ maxRecords: 5 })
    put(make(['a', 'b', 'c', 'd']))
    put(make(['e', 'f', 'g']))
    expect(lost).toEqual({ displaced: 2 })
    expect(texts()).toEqual(['c', 'd', 'e', 'f', 'g'])
  })

  test('keeps the newest of a batch that is larger than the whole bound', () => {
    const { put, texts, lost } = newQueue({ maxRecords: 3 })
    put(envelopes(letters('a', 5)))
    expect(lost).toEqual({ displaced: 2 })
    expect(texts()).toEqual(['c', 'd', 'e'])
  })

  test('what is on the wire counts, and cannot be displaced', () => {
    const { queue, put, lost } = newQueue({ maxRecords: 4 })
    put(envelopes(['a', 'b', 'c']))
    const part = queue.take(all)!
    put(envelopes(['d', 'e']))
    expect([queue.held, queue.records, lost.displaced]).toEqual([4, 1, 1])
    queue.done(part)
    expect(queue.held).toBe(1)
  })

  test('keeps within its bytes', () => {
    const one = entryCost(envelopes(['a']).size, 1)
    const { put, texts, lost, budget } = newQueue({ maxBytes: 3 * one })
    for (const text of letters('a', 5)) put(envelopes([text]))
    expect(budget.used).toBe(3 * one)
    expect(lost).toEqual({ displaced: 2 })
    expect(texts()).toEqual(['c', 'd', 'e'])
    expect(budget.used).toBe(0)
  })

  test('removes no more when whoever hears of the loss puts in the next batch at once', () => {
    const one = entryCost(envelopes(['a']).size, 1)
    const { put, texts, lost } = newQueue({ maxBytes: 3 * one })
    const next = new Receipt(() => put(envelopes(['e'])))
    put(envelopes(['a'], 'app', { receipts: [next] }))
    for (const text of ['b', 'c', 'd']) put(envelopes([text]))
    expect(lost).toEqual({ displaced: 2 })
    expect(texts()).toEqual(['c', 'd', 'e'])
  })

  test('when the memory of all is used up, gives as much as it takes, and calls it memory', () => {
    const { queue, put, texts, lost, memory } = newQueue({ maxMemory: 4000 })
    for (const text of ['a', 'b']) put(envelopes([text]))
    memory.take(4000)
    put(envelopes(['c']))
    expect(lost).toEqual({ memory: 1 })
    expect(texts()).toEqual(['b', 'c'])
    put(envelopes(['d']))
    expect(lost).toEqual({ memory: 2 })
    expect(queue.held).toBe(0)
  })

  test('always says yes', () => {
    const { queue, put } = newQueue({ maxRecords: 1 })
    put(envelopes(['a']))
    expect(queue.admit()).toBeUndefined()
  })
})

describe('drop_newest', () => {
  test('takes what fits of the batch that comes', () => {
    const { put, texts, lost } = newQueue({ whenFull: 'drop_newest', maxRecords: 5 })
    put(envelopes(['a', 'b', 'c']))
    put(envelopes(['d', 'e', 'f', 'g']))
    put(envelopes(['h']))
    expect(lost).toEqual({ queue_full: 3 })
    expect(texts()).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  test('calls it memory when the memory of all is used up', () => {
    const { put, lost, memory } = newQueue({ whenFull: 'drop_newest', maxMemory: 4000 })
    memory.take(4000)
    put(envelopes(['a']))
    expect(lost).toEqual({ memory: 1 })
  })
})

describe('refuse and wait', () => {
  test('say yes below the bound, and a yes holds until settle however much comes', () => {
    const { queue, put, lost } = newQueue({ whenFull: 'refuse', maxRecords: 3 })
    put(envelopes(['a', 'b']))
    expect(queue.admit()).toBeUndefined()
    put(envelopes(letters('c', 4)))
    put(envelopes(['g']))
    queue.settle()
    expect([queue.held, lost]).toEqual([7, {}])
    expect(queue.admit()).toEqual(new Refused('sending queue is full'))
  })

  test.each(['refuse', 'wait'] as const)('drop the newest of receivers that do not ask (%s)', (whenFull) => {
    const { queue, put, lost } = newQueue({ whenFull, maxRecords: 3 })
    put(envelopes(letters('a', 5)))
    expect([queue.held, lost]).toEqual([3, { queue_full: 2 }])
  })

  test('what an admitted run left above the bound stays when others come unasked', () => {
    const { queue, put, lost } = newQueue({ whenFull: 'refuse', maxRecords: 3 })
    queue.admit()
    put(envelopes(letters('a', 5)))
    queue.settle()
    put(envelopes(['x']))
    expect([queue.held, lost]).toEqual([5, { queue_full: 1 }])
  })

  test('wait says wait, and tells once when room was made', () => {
    const { queue, put } = newQueue({ whenFull: 'wait', maxRecords: 2 })
    put(envelopes(['a', 'b']))
    expect(queue.admit()).toBe('wait')
    let told = 0
    const fn = () => void told++
    queue.onRoom(fn)
    const part = queue.take(all)!
    expect(told).toBe(0)
    queue.done(part)
    expect(told).toBe(1)
    expect(queue.admit()).toBeUndefined()
  })

  test('used up memory is a reason of its own, and its return is told', () => {
    const { queue, memory } = newQueue({ whenFull: 'refuse', maxMemory: 4000 })
    memory.take(4000)
    expect(queue.admit()).toEqual(new Refused('data refused due to high memory usage', 1000))
    let told = 0
    queue.onRoom(() => void told++)
    memory.give(1)
    expect(told).toBe(1)
  })

  test('bounds may be counted in requests or in bytes of the batches', () => {
    const requests = newQueue({ whenFull: 'refuse', maxRequests: 2 })
    for (const text of ['a', 'b', 'c']) requests.put(envelopes([text]))
    expect([requests.queue.held, requests.lost]).toEqual([2, { queue_full: 1 }])
    const { size } = envelopes(['a'])
    const bytes = newQueue({ whenFull: 'refuse', maxPayload: 2 * size })
    for (const text of ['a', 'b', 'c']) bytes.put(envelopes([text]))
    expect([bytes.queue.held, bytes.lost]).toEqual([2, { queue_full: 1 }])
  })

  test('when the queue closes nobody is left waiting', () => {
    const { queue, put } = newQueue({ whenFull: 'wait', maxRecords: 1 })
    put(envelopes(['a']))
    let told = 0
    queue.onRoom(() => void told++)
    queue.close()
    expect(told).toBe(1)
    expect(queue.admit()).toEqual(new Refused('shutting down'))
  })
})

test('an entry costs its bytes, 48 a record and 512', () => {
  const { put, budget, memory } = newQueue({})
  const batch = envelopes(['a', 'b', 'c'])
  put(batch)
  expect(budget.used).toBe(batch.size + 3 * 48 + 512)
  expect(memory.used).toBe(budget.used)
})
