import { expect, test } from 'vitest'
import { decodeV1List, encodeV1, type Message } from '../../../test/support/decode.ts'
import { BackwardWriter } from '../protobuf.ts'
import { newV1Counter, readV1Counter, writeV1CounterTotal } from './v1-counters.ts'

const counter = newV1Counter()
const event = (counterEvent: Message): Message => ({
  origin: 'rep',
  eventType: 7,
  timestamp: 5n,
  counterEvent,
  job: 'cell',
  tags: { k: 'v' },
})

test('reads the parts of a counter key, delta and total', () => {
  const record = encodeV1(event({ name: 'requests', delta: 2n ** 33n + 1n, total: 7n }))
  expect(readV1Counter(record, 0, record.length, counter)).toBe(true)
  expect(record.toString('utf8', counter.nameStart, counter.nameEnd)).toBe('requests')
  expect(record.toString('utf8', counter.originStart, counter.originEnd)).toBe('rep')
  expect([counter.deltaHi, counter.deltaLo, counter.totalHi, counter.totalLo]).toEqual([2, 1, 0, 7])
  expect(counter.tags.count).toBe(1)
  expect(record.toString('utf8', counter.tags.keyStart(0), counter.tags.valueEnd(0))).toBe('k\x12\x01v')
})

test('is false for another event and for bytes that do not parse', () => {
  const other = encodeV1({ origin: 'o', eventType: 6, counterEvent: { name: 'n', delta: 1n } })
  expect(readV1Counter(other, 0, other.length, counter)).toBe(false)
  expect(readV1Counter(Buffer.from([0xff]), 0, 1, counter)).toBe(false)
})

test.each([undefined, 7n])('writes another total in place of %s and keeps all other fields', (total) => {
  const counterEvent = total === undefined ? { name: 'n', delta: 3n } : { name: 'n', delta: 3n, total }
  const record = encodeV1(event(counterEvent))
  const out = new BackwardWriter(16)
  writeV1CounterTotal(record, 0, record.length, 0xffffffff, 1, out)
  expect(decodeV1List(out.take())).toEqual([event({ name: 'n', delta: 3n, total: 2n ** 33n - 1n })])
})
