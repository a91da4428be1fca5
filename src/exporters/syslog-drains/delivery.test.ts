import { afterEach, expect, test } from 'vitest'
import { Budget } from '../../delivery/budget.ts'
import { ReadingProof } from '../../net/reading-proof.ts'
import { newResolver } from '../../net/resolver.ts'
import { dialTcp } from '../../net/tcp-dial.ts'
import { ManualClock, systemClock } from '../../runtime/clock.ts'
import { ChunkPool } from './chunk-pool.ts'
import { Delivery } from './delivery.ts'
import { FrameRing } from './frame-ring.ts'
import { batchLimits } from './http-transport.ts'
import { RetrySlots } from './retry-slots.ts'
import { Rounds } from './rounds.ts'
import { Shares } from './shares.ts'
import { TcpTransport } from './tcp-transport.ts'
import { cleanUp, tcpDrain, until } from './test-kit.ts'
import { DrainError, type Transport } from './transport.ts'

afterEach(cleanUp)

function newRing(losses: Record<string, number>) {
  const shares = new Shares(new ChunkPool(new Budget('service'), 'drains', 64 << 20), 64 << 20)
  return new FrameRing(shares, { maxMessages: 1000, maxBytes: 16 << 20 }, (reason, n) => {
    losses[reason] = (losses[reason] ?? 0) + n
  })
}

function put(ring: FrameRing, text: string): void {
  const frame = Buffer.from(`${text.length} ${text}`)
  ring.reserve(frame.length)
  ring.bytes.set(frame, ring.end)
  ring.end += frame.length
  ring.appended(1)
}

/** A delivery to a port, with time moved by hand. */
function delivering(port: number) {
  const clock = new ManualClock()
  const losses: Record<string, number> = {}
  const ring = newRing(losses)
  const pauses: number[] = []
  const seen = { sent: 0, closed: 0 }
  const resolver = newResolver({})
  const transport = new TcpTransport({
    dial: (signal) => dialTcp({ host: '127.0.0.1', port, resolver, timeoutMs: 5000, signal, clock: systemClock }),
    clock,
    writeTimeoutMs: 10_000,
    maxFlightBytes: 1000,
    maxAgeMs: 0,
    proof: new ReadingProof(),
    onOpen: () => {},
  })
  const delivery = new Delivery({
    ring,
    transport,
    clock,
    rounds: new Rounds(clock, 0),
    onSent: (n) => {
      seen.sent += n
    },
    onFailed: (_error, _n, pause) => void pauses.push(pause),
    onClosed: () => void seen.closed++,
  })
  return { clock, ring, losses, pauses, delivery, seen }
}

test('a dead drain is tried 22 times over two minutes, then one message is lost and the next goes on with long pauses', async () => {
  const gone = await tcpDrain()
  await gone.stop()
  const { clock, ring, losses, pauses, delivery, seen } = delivering(gone.port)
  for (let i = 0; i < 5; i++) put(ring, `message ${i}`)
  delivery.pump()
  for (let attempts = 1; attempts <= 30; attempts++) {
    await until(() => pauses.length === attempts)
    if (attempts === 21) expect(losses).toEqual({})
    if (attempts === 22) expect(losses).toEqual({ retries_exhausted: 1 })
    if (attempts === 29) expect(losses).toEqual({ retries_exhausted: 2 })
    clock.advance(pauses.at(-1)!)
  }
  expect(pauses.slice(0, 8)).toEqual([1, 1, 2, 4, 8, 16, 32, 64])
  expect(pauses.slice(0, 22).reduce((sum, ms) => sum + ms, 0)).toBe(121_384)
  expect(pauses.slice(22, 29)).toEqual([15_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000])
  await until(() => pauses.length === 31)
  const back = await tcpDrain({ port: gone.port })
  clock.advance(15_000)
  await until(() => back.messages.length === 3)
  expect(back.messages).toEqual(['message 2', 'message 3', 'message 4'])
  await until(() => seen.sent === 3)
  expect(delivery.schedule.failures).toBe(0)
})

test('closing while nobody can be reached loses what waits, at once', async () => {
  const gone = await tcpDrain()
  await gone.stop()
  const { ring, losses, pauses, delivery, seen } = delivering(gone.port)
  put(ring, 'one')
  delivery.pump()
  await until(() => pauses.length === 1)
  delivery.close('no_destination')
  expect(losses).toEqual({ no_destination: 1 })
  expect(seen.closed).toBe(1)
})

test('repeats of gathered requests share a few slots; first attempts are free', () => {
  const clock = new ManualClock()
  const slots = new RetrySlots(4)
  const under: ((error?: DrainError) => void)[] = []
  let delayed = 0
  const one = () => {
    const ring = newRing({})
    let done: ((error?: DrainError) => void) | undefined
    const transport: Transport = {
      limits: batchLimits,
      send(take, finished) {
        take()
        done = finished
        under.push(finished)
      },
      close: () => void done?.(new DrainError('write', 'given up')),
    }
    put(ring, 'x')
    return new Delivery({
      ring,
      transport,
      clock,
      rounds: new Rounds(clock, 0),
      gathering: { flushMs: 1000, slots },
      onSent: () => {},
      onFailed: () => {},
      onDelayed: () => void delayed++,
      onClosed: () => {},
    })
  }
  const all = Array.from({ length: 6 }, one)
  for (const delivery of all) delivery.pump()
  expect(under).toHaveLength(0)
  clock.advance(1000)
  expect(under).toHaveLength(6)
  for (const fail of under.splice(0)) fail(new DrainError('answer', 'no'))
  clock.advance(1)
  expect(under).toHaveLength(4)
  expect(delayed).toBe(2)
  under.shift()!()
  expect(under).toHaveLength(4)
  // One in line leaves it without having had a slot.
  all[5]!.abort('shutdown')
  under.shift()!()
  expect(under).toHaveLength(3)
  for (const finish of under.splice(0)) finish()
  let granted = 0
  for (let i = 0; i < 5; i++) slots.acquire(() => void granted++)
  expect(granted).toBe(4)
})

test('many busy drains are written to in rounds, few at once', () => {
  const clock = new ManualClock()
  const rounds = new Rounds(clock, 20)
  let pumped = 0
  const some = (count: number) => Array.from({ length: count }, () => ({ marked: false, pump: () => void pumped++ }))
  const turn = (list: { marked: boolean; pump(): void }[]) => {
    for (const each of list) rounds.mark(each)
    rounds.turn()
  }
  const few = some(3)
  for (let i = 0; i < 5; i++) turn(few)
  expect(pumped).toBe(15)
  pumped = 0
  const many = some(50)
  for (let i = 0; i < 5; i++) turn(many)
  expect(pumped).toBe(50)
  clock.advance(20)
  expect(pumped).toBe(100)
})
