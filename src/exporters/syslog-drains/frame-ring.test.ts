import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Budget } from '../../delivery/budget.ts'
import { readFrame } from '../../wire/syslog/frames.ts'
import { ChunkPool, chunkCost } from './chunk-pool.ts'
import type { Flight, TakeLimits } from './flight.ts'
import { FrameRing } from './frame-ring.ts'
import { Shares } from './shares.ts'

const all: TakeLimits = { bytes: Number.POSITIVE_INFINITY, messages: Number.POSITIVE_INFINITY, overshoot: false }

function newMemory(maxBytes = 64 << 20) {
  const budget = new Budget('service')
  return { budget, shares: new Shares(new ChunkPool(budget, 'drains', maxBytes), maxBytes) }
}

function newRing({ maxMessages = 10_000, maxBytes = 16 << 20, memory = newMemory() } = {}) {
  const drops: Record<string, number> = {}
  const ring = new FrameRing(memory.shares, { maxMessages, maxBytes }, (reason, n) => {
    drops[reason] = (drops[reason] ?? 0) + n
  })
  return { ring, drops, ...memory }
}

/** Writes one envelope with these messages, as the frame writer does. */
function put(ring: FrameRing, ...texts: string[]): void {
  for (const text of texts) {
    const bytes = Buffer.from(`${Buffer.byteLength(text)} ${text}`)
    ring.reserve(bytes.length + 20)
    ring.bytes.set(bytes, ring.end)
    ring.end += bytes.length
  }
  ring.appended(texts.length)
}

function texts(flight: Flight | undefined): string[] {
  const found: string[] = []
  for (const { chunk, from, to } of flight?.pieces ?? []) {
    for (let pos = from; pos < to; ) {
      const next = readFrame(chunk.bytes, pos, to)
      found.push(chunk.bytes.toString('latin1', pos, next).replace(/^\d+ /, ''))
      pos = next
    }
  }
  return found
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `message ${from + i}`)

test('frames leave in the order they came, and an empty ring has no memory', () => {
  const { ring, budget } = newRing()
  for (const text of range(0, 3000)) put(ring, text)
  const flight = ring.take(all)
  expect(texts(flight)).toEqual(range(0, 3000))
  expect(ring).toMatchObject({ waiting: 0, taken: 3000 })
  put(ring, 'later')
  ring.done()
  expect(texts(ring.take(all))).toEqual(['later'])
  ring.done()
  expect(budget.used).toBe(0)
  expect(ring.held).toBe(0)
})

test('a full ring drops its oldest, exactly as many as needed, but not those on their way', () => {
  const { ring, drops } = newRing({ maxMessages: 100 })
  for (const text of range(0, 100)) put(ring, text)
  const flight = ring.take({ ...all, messages: 10 })
  for (const text of range(100, 117)) put(ring, text)
  expect(drops).toEqual({ displaced: 17 })
  expect(texts(flight)).toEqual(range(0, 10))
  ring.undo()
  expect(texts(ring.take(all))).toEqual([...range(0, 10), ...range(27, 117)])
})

test('what came back goes out first, again in order, and is dropped first', () => {
  const { ring, drops } = newRing()
  for (const text of range(0, 20)) put(ring, text)
  ring.take({ ...all, messages: 8 })
  ring.undo()
  expect(texts(ring.take({ ...all, messages: 3 }))).toEqual(range(0, 3))
  ring.undo()
  ring.dropOldest(5, 'retries_exhausted')
  expect(drops).toEqual({ retries_exhausted: 5 })
  expect(texts(ring.take(all))).toEqual(range(5, 20))
})

test('with overshoot the message that reaches the size is the last', () => {
  const { ring } = newRing()
  for (let i = 0; i < 600; i++) put(ring, 'x'.repeat(1000))
  const flight = ring.take({ bytes: 524_288, messages: Number.POSITIVE_INFINITY, overshoot: true })!
  expect(flight.messages).toBe(525)
  expect(flight.bodyBytes).toBe(525_000)
})

test('a message that is larger than a chunk has one of its own; one that is larger than the ring is dropped', () => {
  const { ring, drops } = newRing({ maxBytes: 1 << 20 })
  put(ring, 'small')
  put(ring, 'y'.repeat(300_000))
  put(ring, 'z'.repeat(2 << 20))
  put(ring, 'also small')
  expect(texts(ring.take(all)).map(({ length }) => length)).toEqual([5, 300_000, 10])
  expect(drops).toEqual({ too_large: 1 })
})

test('the bound of bytes drops the oldest chunks', () => {
  const { ring, drops } = newRing({ maxBytes: 256 << 10 })
  for (let i = 0; i < 10_000; i++) put(ring, `${i} ${'x'.repeat(100)}`)
  expect(ring.held).toBeLessThanOrEqual(256 << 10)
  const left = texts(ring.take(all)).map((text) => Number(text.split(' ')[0]))
  expect(left).toEqual(Array.from({ length: left.length }, (_, i) => 10_000 - left.length + i))
  expect(drops).toEqual({ displaced: 10_000 - left.length })
})

test('when memory is used up the largest drain loses, not the small one that puts', () => {
  const memory = newMemory(1 << 20)
  const large = newRing({ memory })
  for (let i = 0; i < 8000; i++) put(large.ring, `${i} ${'x'.repeat(150)}`)
  const before = large.drops.memory ?? 0
  const small = Array.from({ length: 20 }, () => newRing({ memory }))
  for (const { ring } of small) put(ring, 'one line')
  expect(small.map(({ ring, drops }) => [ring.waiting, drops])).toEqual(small.map(() => [1, {}]))
  expect(large.drops.memory).toBeGreaterThan(before)
  expect(memory.budget.used).toBeLessThanOrEqual(1 << 20)
})

test('where the memory of the process is the tighter bound, some of it is left to others', () => {
  const budget = new Budget('service', 1 << 20)
  const shares = new Shares(new ChunkPool(budget, 'drains', 1 << 20), 1 << 20)
  const { ring, drops } = newRing({ memory: { budget, shares } })
  for (let i = 0; i < 10_000; i++) put(ring, `${i} ${'x'.repeat(150)}`)
  expect(drops.memory).toBeGreaterThan(0)
  expect(budget.fits(100_000)).toBe(true)
  // Others take it all: the ring gives back what it takes, and goes on.
  budget.take(600_000)
  const before = ring.held
  for (let i = 0; i < 1000; i++) put(ring, `${i} ${'x'.repeat(150)}`)
  expect(ring.held).toBeLessThanOrEqual(before)
  expect(ring.waiting).toBeGreaterThan(1000)
})

test('when nobody has anything to give, what comes is dropped', () => {
  const memory = newMemory(chunkCost(4096) * 3)
  const rings = Array.from({ length: 5 }, () => newRing({ memory }))
  for (const { ring } of rings) put(ring, 'x'.repeat(1000), 'y')
  expect(rings.map(({ ring }) => ring.waiting)).toEqual([2, 2, 2, 0, 0])
  expect(rings[4]!.drops).toEqual({ memory: 2 })
  rings[0]!.ring.take(all)
  rings[0]!.ring.done()
  put(rings[4]!.ring, 'again')
  expect(texts(rings[4]!.ring.take(all))).toEqual(['again'])
})

test('whatever happens, frames stay whole and in order, counts are exact and memory is within its bound', () => {
  const step = fc.record({
    drain: fc.nat(2),
    what: fc.constantFrom('put', 'put', 'put', 'gauge', 'take', 'done', 'undo', 'drop'),
    size: fc.constantFrom(1, 50, 900, 5000, 70_000),
    n: fc.integer({ min: 1, max: 40 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.constantFrom(150_000, 400_000), (steps, maxBytes) => {
      const memory = newMemory(maxBytes)
      const limits = { maxMessages: 60, maxBytes: 200_000, memory }
      const drains = [0, 1, 2].map(() => ({ ...newRing(limits), next: 0, last: -1, sent: 0 }))
      for (const { drain, what, size, n } of steps) {
        const one = drains[drain]!
        const { ring } = one
        memory.shares.pool.park()
        const text = () => `${one.next++} ${'x'.repeat(size)}`
        if (what === 'put') for (let i = 0; i < n; i++) put(ring, text())
        else if (what === 'gauge') put(ring, ...Array.from({ length: n }, text))
        else if (what === 'drop') ring.dropOldest(n, 'shutdown')
        else if (what === 'undo') ring.undo()
        else if (what === 'done') {
          one.sent += ring.taken
          ring.done()
        } else {
          const flight = ring.take({ bytes: 10_000, messages: n, overshoot: size === 50 })
          for (const found of texts(flight)) expect(found).toMatch(/^\d+ x+$/)
          const numbers = texts(flight).map((found) => Number(found.split(' ')[0]))
          expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
          expect(numbers.length).toBe(flight?.messages ?? 0)
        }
        memory.shares.pool.settle()
        for (const { ring, drops, next, sent } of drains) {
          const lost = Object.values(drops).reduce((sum, count) => sum + count, 0)
          expect(ring.waiting + ring.taken + lost + sent).toBe(next)
          expect(ring.waiting + ring.taken).toBeLessThanOrEqual(60)
        }
        expect(memory.budget.used).toBe(drains.reduce((sum, { ring }) => sum + ring.held, 0))
        for (const { ring } of drains) expect(ring.givable).toBeLessThanOrEqual(ring.held)
        expect(memory.shares.count).toBe(drains.filter(({ ring }) => ring.held > 0).length)
        expect(memory.budget.used).toBeLessThanOrEqual(maxBytes)
      }
      for (const { ring } of drains) {
        ring.done()
        ring.dropOldest(ring.waiting, 'shutdown')
      }
      expect(memory.budget.used).toBe(0)
      expect(drains.map(({ ring }) => [ring.givable, ring.sizeClass])).toEqual(drains.map(() => [0, 0]))
    }),
    { numRuns: 300 },
  )
})

const framed = (...all: string[]) => ({
  frames: Buffer.from(all.map((text) => `${text.length} ${text}`).join('')),
  count: all.length,
})

test('older frames go in front of all that wait; of those beyond the bounds the oldest are dropped', () => {
  const { ring, drops, budget } = newRing({ maxMessages: 100 })
  for (const text of range(40, 60)) put(ring, text)
  ring.take(all)
  ring.undo()
  for (const text of range(60, 70)) put(ring, text)
  ring.putInFront([framed(...range(0, 20)), framed(...range(20, 40))])
  expect(texts(ring.take(all))).toEqual(range(0, 70))
  ring.undo()
  ring.putInFront([framed('too', 'old'), framed(...range(-50, 0))])
  expect([ring.waiting, drops]).toEqual([100, { displaced: 22 }])
  expect(texts(ring.take(all))).toEqual(range(-30, 70))
  ring.done()
  expect([budget.used, ring.held, ring.givable, ring.waitingBytes]).toEqual([0, 0, 0, 0])
})

test('older frames that there is no memory for are dropped, and counted', () => {
  const { ring, drops, budget } = newRing({ maxBytes: 20_000 })
  put(ring, 'newest')
  ring.putInFront([framed('x'.repeat(9000), 'a'), framed('b'), framed('c')])
  expect(drops).toEqual({ displaced: 2 })
  expect(texts(ring.take(all))).toEqual(['b', 'c', 'newest'])
  ring.done()
  expect(budget.used).toBe(0)
})
