import { setImmediate as turnOver } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Batch } from './batch.ts'
import { DropsondeGate } from './dropsonde-gate.ts'
import { EnvelopeGate } from './envelope-gate.ts'
import { Row } from './record-index.ts'
import { batchOf, envelope, field, int } from './testing/encode.ts'
import { joinedPerTurn } from './turn.ts'

const peer = (address: string) => ({ address, port: 1, subject: undefined })
const [a, b] = [peer('a'), peer('b')]
const one = envelope({ source: 's', log: 'x' })

function collecting(readsOrigins = false) {
  const gate = new EnvelopeGate()
  const got: Batch[] = []
  const turn = joinedPerTurn(gate, (batch) => got.push(batch), { readsOrigins })
  const add = (origin = a, bytes = one) => {
    turn.arm(origin)
    gate.addEnvelope(bytes, 0, bytes.length, origin)
  }
  return { got, add, turn }
}

describe('records of one turn', () => {
  test('are delivered together, once', async () => {
    const { got, add } = collecting()
    for (let i = 0; i < 100; i++) add(i % 2 ? a : b)
    expect(got).toHaveLength(0)
    await turnOver()
    expect(got.map((batch) => batch.count)).toEqual([100])
    await turnOver()
    expect(got).toHaveLength(1)
    add()
    await turnOver()
    expect(got.map((batch) => batch.count)).toEqual([100, 1])
  })

  test('are not joined across origins when somebody reads origins', async () => {
    const { got, add } = collecting(true)
    for (const origin of [a, a, b, a]) add(origin)
    await turnOver()
    expect(got.map((batch) => [batch.count, batch.origin])).toEqual([
      [2, a],
      [1, b],
      [1, a],
    ])
  })

  test('are delivered early past 1 MiB', async () => {
    const { got, add } = collecting()
    const big = envelope({ log: Buffer.alloc(300_000) })
    for (let i = 0; i < 10; i++) add(a, big)
    expect(got.map((batch) => batch.count)).toEqual([4, 4])
    await turnOver()
    expect(got.map((batch) => batch.count)).toEqual([4, 4, 2])
  })

  test('can be flushed by hand', async () => {
    const { got, add, turn } = collecting()
    add()
    turn.flush()
    turn.flush()
    await turnOver()
    expect(got.map((batch) => batch.count)).toEqual([1])
  })
})

describe('the gate for v1 datagrams', () => {
  const v1 = (n: number) =>
    Buffer.concat([field(1, `o${n}`), int(2, 6), field(9, [field(1, 'n'), value, field(3, 'u')])])
  const value = Buffer.concat([Buffer.from([0x11]), Buffer.alloc(8)])

  test('frames what is accepted and counts the rest', () => {
    const gate = new DropsondeGate()
    const loan = Buffer.from(v1(1))
    expect(gate.add(loan, a)).toBe(0)
    loan.fill(0)
    expect(gate.add(Buffer.alloc(4), a)).not.toBe(0)
    expect(gate.add(Buffer.concat([field(1, 'o'), int(2, 6)]), a)).not.toBe(0)
    for (let n = 2; n < 300; n++) gate.add(v1(n), a)
    const batch = gate.take()!
    expect(batch.bytes()).toEqual(batchOf(...Array.from({ length: 299 }, (_, i) => v1(i + 1))))
    expect([batch.count, batch.format, batch.origin, gate.malformed]).toEqual([299, 'dropsonde', a, 2])
    expect(gate.take()).toBeUndefined()
  })

  test('appends what is to stand behind a record', () => {
    const gate = new DropsondeGate()
    gate.add(v1(1), a, (read, out) => {
      expect(read.has(1)).toBe(true)
      out.textField(13, 'x'.repeat(200))
    })
    gate.add(v1(2), a)
    const batch = gate.take()!
    const body = Buffer.concat([v1(1), field(13, 'x'.repeat(200))])
    expect(batch.bytes()).toEqual(batchOf(body, v1(2)))
    const { rows } = batch.index()
    expect(batch.buffer.subarray(rows[batch.rowAt(0) + Row.start], rows[batch.rowAt(0) + Row.end])).toEqual(body)
  })
})
