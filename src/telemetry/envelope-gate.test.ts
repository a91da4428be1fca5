import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EnvelopeGate } from './envelope-gate.ts'
import { malformed, scanEnvelope } from './envelope-scan.ts'
import type { Origin } from './origin.ts'
import { Row } from './record-index.ts'
import { batchOf, double, entry, envelope, field, int, typicalEnvelope, varint } from './testing/encode.ts'
import { decodeBatch, decodeEnvelope } from './testing/strict-decoder.ts'

const peer = (address: string): Origin => ({ address, port: 1, subject: '' })

function through(...messages: Buffer[]) {
  const gate = new EnvelopeGate()
  for (const message of messages) gate.addBatch(message, 0, message.length)
  const batch = gate.take()
  return { gate, batch, envelopes: batch ? decodeBatch(batch.bytes()) : [] }
}

const good = [
  envelope({ timestamp: 1, source: 's', log: 'hello', tags: { a: 'b' } }),
  envelope({ source: 'c', counter: { name: 'n', delta: 3, total: 1n << 63n } }),
  envelope({ gauge: { cpu: 0.5, memory: 3 }, deprecated: { t: 'x', i: -1n, d: 0.5, n: null } }),
  envelope({ timer: 'http' }),
  envelope({ event: ['title', 'body'] }),
  envelope(),
  envelope({ source: 's', extra: Buffer.concat([int(99, 7), field(100, 'unknown'), double(101, 1)]) }),
]

describe('sound messages', () => {
  test('travel byte for byte', () => {
    const message = batchOf(...good)
    const { batch, gate } = through(message)
    expect(batch!.bytes()).toEqual(message)
    expect(batch!.count).toBe(good.length)
    expect([gate.malformed, gate.repaired]).toEqual([0, 0])
  })

  test('of one turn become one batch, in order, with places that fit', () => {
    const messages = Array.from({ length: 500 }, (_, n) => batchOf(typicalEnvelope(n)))
    const { batch } = through(...messages)
    expect(batch!.count).toBe(500)
    const { rows } = batch!.index()
    for (let i = 0; i < 500; i++) {
      const row = batch!.rowAt(i)
      expect(batch!.buffer.subarray(rows[row + Row.start], rows[row + Row.end])).toEqual(typicalEnvelope(i))
      expect(batch!.buffer.toString('utf8', rows[row + Row.sourceStart], rows[row + Row.sourceEnd])).toMatch(/^8d1f/)
    }
  })

  test('of single envelopes are framed', () => {
    const gate = new EnvelopeGate()
    for (const each of good) gate.addEnvelope(each, 0, each.length)
    expect(gate.take()!.bytes()).toEqual(batchOf(...good))
  })

  test('of 10 MiB pass', () => {
    const big = envelope({ source: 's', log: Buffer.alloc(10 << 20, 0xff) })
    const { batch, gate } = through(batchOf(good[0]!, big, good[1]!))
    expect(batch!.count).toBe(3)
    expect(gate.malformed).toBe(0)
  })

  test('may be overwritten by the caller afterwards', () => {
    const message = batchOf(...good)
    const loan = Buffer.from(message)
    const gate = new EnvelopeGate()
    gate.addBatch(loan, 0, loan.length)
    gate.addEnvelope(loan, 2, 2 + good[0]!.length)
    loan.fill(0xaa)
    expect(gate.take()!.bytes()).toEqual(Buffer.concat([message, batchOf(good[0]!)]))
  })

  test('lie anywhere in the buffer they are lent in', () => {
    const around = Buffer.concat([Buffer.alloc(7, 0xff), batchOf(...good), Buffer.alloc(9, 0x0a)])
    const gate = new EnvelopeGate()
    expect(gate.addBatch(around, 7, around.length - 9)).toBe(good.length)
    expect(gate.take()!.bytes()).toEqual(batchOf(...good))
  })

  test('with an empty batch make nothing', () => {
    expect(through(Buffer.alloc(0)).batch).toBeUndefined()
  })
})

describe('origins', () => {
  const one = batchOf(good[0]!)
  const [a, b] = [peer('a'), peer('b')]
  const originOf = (...origins: (Origin | undefined)[]) => {
    const gate = new EnvelopeGate()
    for (const origin of origins) gate.addBatch(one, 0, one.length, origin)
    return gate.take()!.origin
  }

  test('stay when all records have the same', () => expect(originOf(a, a)).toBe(a))
  test('are dropped when records of several peers interleave', () => expect(originOf(a, b, a)).toBeUndefined())
  test('are dropped when one is unknown', () => expect(originOf(a, undefined)).toBeUndefined())
  test('do not leak into the next batch', () => {
    const gate = new EnvelopeGate()
    gate.addBatch(one, 0, one.length, a)
    gate.take()
    gate.addBatch(one, 0, one.length, b)
    expect(gate.take()!.origin).toBe(b)
  })
})

describe('a record that does not parse is left out alone', () => {
  const rows: [string, Buffer][] = [
    ['truncated field', Buffer.from([0x12, 0x05, 0x61])],
    ['group', Buffer.from([0x3b, 0x3c])],
    ['field number 0', Buffer.from([0x02, 0x00])],
    ['wire type 7', Buffer.from([0x0f])],
    ['varint of eleven bytes', Buffer.concat([Buffer.from([0x08]), Buffer.alloc(10, 0xff), Buffer.from([0x01])])],
    ['varint above 64 bits', Buffer.concat([Buffer.from([0x08]), Buffer.alloc(9, 0xff), Buffer.from([0x02])])],
    ['field number above 2^29', Buffer.concat([varint(1n << 34n), Buffer.from([0])])],
    ['length above 32 bits', Buffer.concat([Buffer.from([0x12]), varint((1n << 32n) + 1n), Buffer.from('a')])],
    ['truncated counter', field(5, Buffer.from([0x10]))],
    ['truncated tag', field(9, Buffer.from([0x0a, 0x09, 0x61]))],
    ['tag entry that reaches behind its message', Buffer.from([0x4a, 0x05, 0x0a, 0x01, 0x61, 0x12])],
    ['truncated gauge value', field(6, entry(1, 'g', Buffer.from([0x11, 0])))],
    ['truncated deprecated value', field(3, [field(1, 'k'), field(2, Buffer.from([0x0a, 0x02, 0x61]))])],
    ['a lone tag byte', Buffer.from([0x4a])],
    ['a lone source id tag', Buffer.from([0x12])],
  ]
  test.each(rows)('%s', (_, bad) => {
    const { batch, gate } = through(batchOf(good[0]!, bad, good[1]!))
    expect(batch!.bytes()).toEqual(batchOf(good[0]!, good[1]!))
    expect(gate.malformed).toBe(1)
    const single = new EnvelopeGate()
    single.addEnvelope(bad, 0, bad.length)
    expect([single.count, single.malformed, single.take()]).toEqual([0, 1, undefined])
  })

  test('a container that is cut off keeps what came before', () => {
    const message = batchOf(...good)
    const { batch, gate } = through(message.subarray(0, message.length - 1))
    expect(batch!.bytes()).toEqual(batchOf(...good.slice(0, -1)))
    expect(gate.malformed).toBe(1)
  })

  test('other fields of the container are left out and count as nothing', () => {
    const { batch, gate } = through(Buffer.concat([int(2, 5), batchOf(good[0]!), field(7, 'x')]))
    expect(batch!.bytes()).toEqual(batchOf(good[0]!))
    expect(gate.malformed).toBe(0)
  })

  test('the answer counts every record of the message', () => {
    const gate = new EnvelopeGate()
    const message = batchOf(good[0]!, Buffer.from([0x0f]), good[1]!)
    gate.addBatch(message, 0, message.length)
    expect(gate.addBatch(message, 0, message.length)).toBe(3)
  })
})

describe('text that is not UTF-8 is repaired', () => {
  const bad = Buffer.from([0x61, 0xff, 0x62])
  const invalid = (parts: Parameters<typeof envelope>[0]) => through(batchOf(good[0]!, envelope(parts)))

  test.each<[string, Parameters<typeof envelope>[0], (e: ReturnType<typeof decodeEnvelope>) => unknown, unknown]>([
    ['in the source id', { source: bad }, (e) => e.sourceId, 'a\ufffdb'],
    ['in a tag', { tags: { k: bad } }, (e) => e.tags, { k: 'a\ufffdb' }],
    ['in a log nothing is touched', { log: bad }, (e) => e.message, { 1: '61ff62' }],
  ])('%s', (_, parts, read, expected) => {
    const { envelopes } = invalid(parts)
    expect(envelopes).toHaveLength(2)
    expect(read(envelopes[1]!)).toEqual(expected)
  })

  test.each([
    ['counter name', field(5, field(1, bad))],
    ['event body', field(10, field(2, bad))],
    ['gauge name', field(6, field(1, [field(1, bad), field(2, double(2, 1))]))],
    ['gauge unit', field(6, entry(1, 'g', field(1, bad)))],
    ['deprecated text', field(3, entry(3, 'k', field(1, bad)).subarray(2))],
    ['tag key', field(9, [field(1, bad), field(2, 'v')])],
    ['long tag', field(9, [field(1, 'k'), field(2, Buffer.concat([Buffer.alloc(200, 0x61), bad]))])],
    ['instance id', field(8, bad)],
    ['overlong form', field(8, Buffer.from([0xc0, 0x80]))],
    ['surrogate', field(8, Buffer.from([0xed, 0xa0, 0x80]))],
    ['above U+10FFFF', field(8, Buffer.from([0xf4, 0x90, 0x80, 0x80]))],
    ['cut off sequence', field(8, Buffer.from([0xe2, 0x82]))],
  ])('%s', (_, extra) => {
    const { gate, batch, envelopes } = through(batchOf(good[0]!, envelope({ log: 'x', extra }), good[1]!))
    expect([batch!.count, gate.repaired, gate.malformed]).toEqual([3, 1, 0])
    expect(envelopes).toHaveLength(3)
    expect(batch!.bytes().includes(Buffer.from('\ufffd'))).toBe(true)
  })

  test('valid text beyond ASCII is left alone', () => {
    const message = batchOf(envelope({ source: 'jedinečné', tags: { ключ: '値', k: '🙂' }, event: ['é', 'ü'] }))
    const { batch, gate } = through(message)
    expect(batch!.bytes()).toEqual(message)
    expect(gate.repaired).toBe(0)
  })
})

describe('whatever comes in', () => {
  const piece = fc.oneof(
    fc.constantFrom(...good),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc.tuple(fc.constantFrom(...good), fc.nat(), fc.nat(255)).map(([bytes, at, byte]) => {
      const bent = Buffer.from(bytes)
      if (bent.length > 0) bent[at % bent.length] = byte
      return bent
    }),
    fc
      .tuple(fc.integer({ min: 1, max: 11 }), fc.uint8Array({ maxLength: 20 }))
      .map(([n, b]) => field(n, Buffer.from(b))),
  )
  const message = fc.oneof(
    fc.array(piece, { maxLength: 6 }).map((pieces) => batchOf(...pieces)),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  )

  test('what leaves parses strictly, is counted and indexed, and nothing throws', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 4 }), (messages) => {
        const gate = new EnvelopeGate()
        let answered = 0
        for (const each of messages) answered += gate.addBatch(each, 0, each.length)
        expect(answered).toBe(gate.count + gate.malformed)
        const batch = gate.take()
        if (!batch) return
        const bytes = batch.bytes()
        const decoded = decodeBatch(bytes)
        expect(decoded).toHaveLength(batch.count)
        const { rows } = batch.index()
        for (let i = 0; i < batch.count; i++) {
          const row = batch.rowAt(i)
          const source = batch.buffer.toString('utf8', rows[row + Row.sourceStart], rows[row + Row.sourceEnd])
          expect(source).toBe(decoded[i]!.sourceId)
        }
      }),
      { numRuns: 1500 },
    )
  })

  test('a scan accepts exactly what the strict decoder accepts', () => {
    fc.assert(
      fc.property(piece, fc.uint8Array({ minLength: 1, maxLength: 8 }), (bytes, after) => {
        // Bytes behind the record must not matter.
        const buffer = Buffer.concat([bytes, after])
        const info = scanEnvelope(buffer, 0, bytes.length, true)
        let strict = true
        try {
          decodeEnvelope(bytes)
        } catch {
          strict = false
        }
        expect(info !== malformed && !(info & 32)).toBe(strict)
      }),
      { numRuns: 3000 },
    )
  })
})
