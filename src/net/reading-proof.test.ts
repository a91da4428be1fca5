import { expect, test } from 'vitest'
import { ReadingProof } from './reading-proof.ts'

const MiB = 1 << 20

/** A peer whose buffers take so much, and that reads nothing. */
function stalled(buffers = 3 * MiB) {
  const proof = new ReadingProof()
  const connect = () => {
    proof.opened()
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
  proof.opened()
  proof.gives(7 * MiB)
  proof.taken()
  expect(proof.doubted).toBe(true)
})

test('it is believed again when one connection takes twice as much as the one that stood still', () => {
  const { proof } = stalled()
  proof.opened()
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
  proof.opened()
  proof.gives(48 * MiB)
  proof.taken()
  expect(proof.doubted).toBe(false)
})

test('a connection that the peer ends in order was read from', () => {
  const { proof } = stalled()
  proof.ended()
  expect(proof.doubted).toBe(false)
})
