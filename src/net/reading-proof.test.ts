import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { ManualClock } from '../runtime/clock.ts'
import { ReadingProof } from './reading-proof.ts'

const MiB = 1 << 20

const newSocket = (writableLength = 0) => Object.assign(new EventEmitter(), { writableLength }) as Socket
const anywhere = () => [newSocket(), new ManualClock(), () => {}] as const

/** A peer whose buffers take so much, and that reads nothing. */
function stalled(buffers = 3 * MiB) {
  const proof = new ReadingProof()
  const connect = () => {
    proof.opened(...anywhere())
    for (let given = 0; given + MiB <= buffers; given += MiB) {
      proof.gives(MiB)
      proof.taken()
    }
    proof.gives(MiB)
    proof.stoodStill()
  }
  connect()
  return { proof, connect }
}

test('a peer is believed until it stands still; connecting again proves nothing, however often', () => {
  expect(new ReadingProof().doubted).toBe(false)
  const { proof, connect } = stalled()
  for (let i = 0; i < 10; i++) {
    expect(proof.doubted).toBe(true)
    connect()
  }
  proof.opened(...anywhere())
  proof.gives(7 * MiB)
  proof.taken()
  expect(proof.doubted).toBe(true)
})

test('it is believed again when one connection takes twice as much as the one that stood still', () => {
  const { proof } = stalled()
  proof.opened(...anywhere())
  proof.gives(7 * MiB)
  proof.taken()
  expect(proof.doubted).toBe(true)
  proof.gives(MiB)
  expect(proof.doubted).toBe(true)
  proof.taken()
  expect(proof.doubted).toBe(false)
})

test('more than buffers hold is never asked for: the connection may have been read from for years', () => {
  const { proof } = stalled(1000 * MiB)
  proof.opened(...anywhere())
  proof.gives(48 * MiB)
  proof.taken()
  expect(proof.doubted).toBe(false)
})

test('a connection that the peer ends in order was read from', () => {
  const { proof } = stalled()
  proof.ended()
  expect(proof.doubted).toBe(false)
})

test('connections to a peer in doubt are ended after a while, less and less often, until it does the same', () => {
  const { proof } = stalled()
  const clock = new ManualClock()
  /** How long a connection lives. */
  const life = (socket: Socket) => {
    const from = clock.monotonic()
    let to: number | undefined
    proof.opened(socket, clock, () => (to = clock.monotonic()))
    for (let i = 0; i < 2000 && to === undefined; i++) clock.advance(1000)
    return to && to - from
  }
  expect(Array.from({ length: 8 }, () => life(newSocket()))).toEqual(
    [10, 20, 40, 80, 160, 320, 600, 600].map((seconds) => seconds * 1000),
  )
  proof.ended()
  expect(life(newSocket())).toBe(undefined)
  proof.stoodStill()
  expect(life(newSocket())).toBe(10_000)
})

test('what is being written, or is closed already, is left alone', () => {
  const { proof } = stalled()
  const clock = new ManualClock()
  let ended = 0
  const open = (socket: Socket) => proof.opened(socket, clock, () => ended++)
  const [busy, gone] = [newSocket(100), newSocket()]
  open(busy)
  open(gone)
  gone.emit('close')
  clock.advance(60_000)
  expect(ended).toBe(0)
  Object.assign(busy, { writableLength: 0 })
  clock.advance(1000)
  expect(ended).toBe(1)
})

test('it is told once that the doubt is over', () => {
  let proven = 0
  const proof = new ReadingProof(() => proven++)
  proof.ended()
  proof.stoodStill()
  proof.ended()
  proof.ended()
  expect(proven).toBe(1)
})
