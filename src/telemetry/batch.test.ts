import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Batch } from './batch.ts'
import { container } from './edits.ts'
import { EnvelopeGate } from './envelope-gate.ts'
import { type Format, formats } from './format.ts'
import type { Origin } from './origin.ts'
import { Receipt } from './receipt.ts'
import { groupSize, noGroup, RecordIndex, Row, rowSize } from './record-index.ts'
import { claim, headroom } from './slab.ts'
import { batchOf, envelope, field, int } from './testing/encode.ts'

/** Records of an OTLP request: how many each innermost group holds. */
type Shape = number[][]
const record = (name: string) => field(name.startsWith('p') ? 7 : 5, name)

/** A request of a format with its records' names in order. */
function request(format: Format, shape: Shape, keep: (name: string) => boolean = () => true) {
  let n = 0
  const names: string[] = []
  const take = (count: number) =>
    Array.from({ length: count }, () => `r${n++}`).filter((name) => {
      if (keep(name)) names.push(name)
      return keep(name)
    })
  if (format === 'envelopes') {
    const list = take(shape.flat().reduce((a, b) => a + b, 0))
    return { bytes: batchOf(...list.map((name) => envelope({ source: name, log: 'x' }))), names }
  }
  if (format === 'dropsonde') {
    return { bytes: batchOf(...take(shape.flat().reduce((a, b) => a + b, 0)).map((name) => field(1, name))), names }
  }
  const resources = shape.flatMap((scopes, r) => {
    const inner = scopes.flatMap((count, s) => {
      const records = take(count)
      if (records.length === 0) return []
      const body =
        format === 'metrics'
          ? [
              field(2, [
                field(1, `m${s}`),
                field(
                  5,
                  records.map((name) => field(1, record(name))),
                ),
              ]),
            ]
          : records.map((name) => field(2, record(name)))
      return [field(2, [field(1, field(1, `scope${s}`)), ...body, field(3, 'url')])]
    })
    return inner.length > 0 ? [field(1, [field(1, field(9, `res${r}`)), ...inner, field(3, 'schema')])] : []
  })
  return { bytes: Buffer.concat(resources), names }
}

/** Names of the records as the index of a batch shows them. */
function namesOf(batch: Batch): string[] {
  const { rows } = batch.index()
  return Array.from({ length: batch.count }, (_, i) => {
    const row = batch.rowAt(i)
    return /r\d+/.exec(batch.buffer.toString('latin1', rows[row + Row.start], rows[row + Row.end]))![0]
  })
}

const nameAt = (batch: Batch, row: number) => {
  const { rows } = batch.index()
  return /r\d+/.exec(batch.buffer.toString('latin1', rows[row + Row.start], rows[row + Row.end]))![0]
}

const shapes = fc.array(fc.array(fc.nat(4), { maxLength: 3 }), { maxLength: 4 })
const filled: Shape = [[2, 3], [1], [4, 1, 2]]

describe.each(formats)('a batch of %s', (format) => {
  const { bytes, names } = request(format, filled)

  test('finds its records and gives its bytes', () => {
    const batch = Batch.of(format, bytes)
    expect(batch.count).toBe(names.length)
    expect(namesOf(batch)).toEqual(names)
    expect(batch.bytes()).toEqual(bytes)
    expect(batch.size).toBe(bytes.length)
  })

  test('any choice of records has the bytes of a request with just those, and no empty parents', () => {
    fc.assert(
      fc.property(shapes, fc.infiniteStream(fc.boolean()), (shape, choice) => {
        const whole = request(format, shape)
        const chosen = new Set(whole.names.filter(() => choice.next().value))
        const batch = Batch.of(format, whole.bytes)
        const kept = batch.where((row) => chosen.has(nameAt(batch, row)))
        const expected = request(format, shape, (name) => chosen.has(name))
        expect(kept.count).toBe(chosen.size)
        expect(namesOf(kept)).toEqual(expected.names)
        if (kept !== batch) expect(kept.bytes()).toEqual(expected.bytes)
        expect(namesOf(kept)).toEqual(expected.names)
        expect(batch.bytes()).toEqual(whole.bytes)
      }),
      { numRuns: 150 },
    )
  })

  test('slices, also of a choice and beyond its ends', () => {
    const batch = Batch.of(format, bytes)
    const odd = batch.where((row) => Number(nameAt(batch, row).slice(1)) % 2 === 1)
    const oddNames = names.filter((name) => Number(name.slice(1)) % 2 === 1)
    for (const [from, to] of [
      [0, 3],
      [1, 2],
      [2, 99],
      [-3, 2],
      [5, 5],
      [9, 3],
      [0, 99],
    ] as const) {
      const expected = oddNames.slice(Math.max(0, from), to)
      const slice = odd.slice(from, to)
      expect(slice.count).toBe(expected.length)
      expect(namesOf(slice)).toEqual(expected)
      expect(namesOf(Batch.of(format, Buffer.from(slice.bytes())))).toEqual(expected)
    }
  })

  test('joins', () => {
    const parts = [
      [0, 3],
      [3, 4],
      [4, 13],
    ].map(([a, b]) => Batch.of(format, bytes).slice(a!, b))
    const joined = Batch.join(parts)
    expect(namesOf(joined)).toEqual(names)
    expect(joined.count).toBe(names.length)
    expect(Batch.join([joined])).toBe(joined)
  })

  test('takes edits into its records', () => {
    const batch = Batch.of(format, bytes).slice(2, 6)
    const edits = batch.edit()
    const { rows, groups } = batch.index()
    const isFramed = format === 'envelopes' || format === 'dropsonde'
    const declared = (group: number): number => {
      if (group === noGroup) return container
      const [, start, end, parent] = groups.subarray(group * groupSize)
      return edits.within(start!, end!, declared(parent!))
    }
    const row = batch.rowAt(1)
    const text = Buffer.from('changed')
    const message = isFramed ? container : declared(rows[row + Row.info]!)
    edits.replace(rows[row]!, rows[row]!, field(15, text), message)
    const edited = batch.with(edits)
    expect(namesOf(edited)).toEqual(names.slice(2, 6))
    expect(namesOf(batch)).toEqual(names.slice(2, 6))
    expect(edited.bytes().includes(text)).toBe(true)
    expect(edited.size).toBeGreaterThan(batch.size)
  })

  test('moves out of its memory without changing', () => {
    const batch = Batch.of(format, Buffer.from(bytes))
    const part = batch.slice(1, 4)
    const room = claim(part.size)
    part.moveTo(room)
    expect(part.bytes().buffer).toBe(room.buffer.buffer)
    expect(namesOf(part)).toEqual(names.slice(1, 4))
    expect(namesOf(batch)).toEqual(names)
  })

  test('never throws on bytes that are not of its format', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(), (noise, at) => {
        const bent = Buffer.from(bytes)
        bent.set(noise.subarray(0, bent.length - (at % bent.length)), at % bent.length)
        for (const each of [bent, Buffer.from(noise)]) {
          const batch = Batch.of(format, each)
          const { rows } = batch.index()
          for (let i = 0; i < batch.count; i++) expect(rows[batch.rowAt(i) + Row.end]).toBeLessThanOrEqual(each.length)
          batch.slice(1).bytes()
          batch.slice(0, 1).grpcMessage()
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('the gRPC message of a batch', () => {
  const bytes = request('envelopes', [[5]]).bytes
  const framed = (body: Buffer) => {
    const prefix = Buffer.alloc(5)
    prefix.writeUInt32BE(body.length, 1)
    return Buffer.concat([prefix, body])
  }

  test('is made once and shared', () => {
    const batch = Batch.copyOf('envelopes', bytes)
    expect(batch.grpcMessage()).toEqual(framed(bytes))
    expect(batch.grpcMessage()).toBe(batch.grpcMessage())
  })

  test('is written in place where the room in front belongs to the batch', () => {
    const batch = Batch.copyOf('envelopes', bytes)
    const before = batch.bytes()
    expect(batch.grpcMessage().subarray(headroom).byteOffset).toBe(before.byteOffset)
    expect(batch.withReceipts([]).grpcMessage().byteOffset).toBe(batch.grpcMessage().byteOffset)
  })

  test('of borrowed bytes leaves everything around them alone', () => {
    const around = Buffer.concat([Buffer.alloc(8, 0x55), bytes, Buffer.alloc(8, 0x66)])
    const copy = Buffer.from(around)
    const batch = Batch.of('envelopes', around, {}, 8, 8 + bytes.length)
    const none = batch.where(() => false)
    expect(none.grpcMessage()).toEqual(framed(Buffer.alloc(0)))
    expect(batch.grpcMessage()).toEqual(framed(bytes))
    expect(around).toEqual(copy)
  })

  test('of one batch never touches another, however they were made', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { minLength: 1, maxLength: 30 }), (steps) => {
        const made: { batch: Batch; expected: Buffer }[] = []
        const gate = new EnvelopeGate()
        const note = (batch: Batch) => made.push({ batch, expected: Buffer.from(batch.bytes()) })
        note(Batch.copyOf('envelopes', bytes))
        for (const [n, step] of steps.entries()) {
          const { batch } = made[n % made.length]!
          if (step === 0) note(batch.slice(1, 3))
          else if (step === 1) note(batch.where((row) => (row / rowSize) % 2 === 0))
          else if (step === 2) note(batch.where(() => false))
          else if (step === 3) note(Batch.join([batch, made[0]!.batch]))
          else if (step === 4) note(batch.withReceipts([]))
          else if (step === 5) note(Batch.copyOf('envelopes', bytes))
          else if (step === 6) {
            gate.addBatch(bytes, 0, bytes.length)
            note(gate.take()!)
          } else if (step === 7 && batch.count > 0) {
            const edits = batch.edit()
            const row = batch.index().rows[batch.rowAt(0)]!
            edits.replace(row, row, batchOf(envelope()), container)
            note(batch.with(edits))
          } else batch.grpcMessage()
        }
        for (const { batch } of made) batch.grpcMessage()
        for (const { batch, expected } of made) {
          expect(batch.bytes()).toEqual(expected)
          expect(batch.grpcMessage()).toEqual(framed(expected))
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('what a batch carries', () => {
  const { bytes } = request('envelopes', [[3]])
  const receipts = [new Receipt(() => {})]
  const origin: Origin = { address: 'a', port: 1, subject: '' }

  test('stays through filtering and editing', () => {
    const batch = Batch.of('envelopes', bytes, { origin, receipts })
    const edits = batch.edit()
    edits.replace(0, 0, int(9, 1), container)
    for (const other of [batch.slice(1), batch.where((row) => row % 4 === 0), batch.with(edits)]) {
      expect(other.origin).toBe(origin)
      expect(other.receipts).toBe(receipts)
    }
  })

  test('joined batches keep all receipts, and the origin if it is the same', () => {
    const one = Batch.of('envelopes', bytes, { origin, receipts })
    const two = Batch.of('envelopes', bytes, { origin, receipts: [new Receipt(() => {})] })
    expect(Batch.join([one, two])).toMatchObject({ origin, receipts: [...one.receipts, ...two.receipts] })
    expect(Batch.join([one, Batch.of('envelopes', bytes)]).origin).toBeUndefined()
  })

  test('edits that change nothing make no other batch', () => {
    const batch = Batch.of('envelopes', bytes)
    expect(batch.with(batch.edit())).toBe(batch)
    expect(batch.where(() => true)).toBe(batch)
    expect(batch.slice(0)).toBe(batch)
  })
})

describe('indexes that grow side by side', () => {
  test('never write into each other', () => {
    const step = fc.record({ which: fc.nat(5), rows: fc.integer({ min: 1, max: 400 }), close: fc.nat(9) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const open = Array.from({ length: 6 }, () => new RecordIndex())
        const expected: number[][] = open.map(() => [])
        const closed: { index: RecordIndex; values: number[] }[] = []
        let n = 0
        for (const { which, rows, close } of steps) {
          for (let i = 0; i < rows; i++) {
            expected[which]!.push(++n)
            open[which]!.add(n, n + 1, n + 2, n + 3, n + 4, n + 5)
          }
          if (close > 0) continue
          open[which]!.close()
          closed.push({ index: open[which]!, values: expected[which]! })
          open[which] = new RecordIndex()
          expected[which] = []
        }
        closed.push(...open.map((index, i) => ({ index, values: expected[i]! })))
        for (const { index, values } of closed) {
          expect(index.count).toBe(values.length)
          for (const [i, value] of values.entries()) {
            const at = index.base + i * rowSize
            if (index.rows[at] !== value || index.rows[at + 5] !== value + 5) expect.fail(`row ${i} was overwritten`)
          }
        }
      }),
      { numRuns: 40 },
    )
  })
})
