import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { expect, test } from 'vitest'
import { mostPerRead, openRecvmmsg } from './recvmmsg.ts'
import { until } from './test-kit.ts'

const readMany = openRecvmmsg()
const sockets = () =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:')
    } catch {
      return false
    }
  })

/** A bound socket that nobody reads, and its descriptor. */
async function boundSocket() {
  const before = new Set(sockets())
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const fd = Number(sockets().find((each) => !before.has(each)))
  return { socket, fd, port: socket.address().port }
}

test.runIf(readMany)('reads at most so many datagrams, whole, in order; then none', async () => {
  const { socket, fd, port } = await boundSocket()
  const sender = createSocket('udp4')
  const sent = Array.from({ length: mostPerRead + 3 }, (_, i) => `${i} ${'x'.repeat((i * 37) % 900)}`)
  sent[5] = ''
  sent[6] = 'y'.repeat(65_507)
  const got: string[] = []
  // All in one turn of this thread, so that Node does not read the socket meanwhile.
  for (const packet of sent) sender.send(packet, port, '127.0.0.1')
  let missing = sent.length
  socket.on('message', (packet) => {
    got.push(packet.toString())
    for (let count = mostPerRead; count === mostPerRead; )
      count = readMany!(fd, (each) => void got.push(each.toString()))
    missing = sent.length - got.length
  })
  await until(() => missing === 0)
  expect(got).toEqual(sent)
  expect(readMany!(fd, () => got.push('more'))).toBe(0)
  socket.close()
  sender.close()
})

test.runIf(readMany)('whoever takes a datagram reads none before it has ended, and may fail', async () => {
  const { socket, fd, port } = await boundSocket()
  const sender = createSocket('udp4')
  const got: string[] = []
  socket.on('message', () => {
    readMany!(fd, (packet) => {
      expect(readMany!(fd, () => got.push('inside'))).toBe(0)
      got.push(packet.toString())
    })
  })
  for (const packet of ['a', 'b', 'c']) sender.send(packet, port, '127.0.0.1')
  await until(() => got.length === 2)
  expect(got).toEqual(['b', 'c'])
  socket.removeAllListeners('message')
  socket.on('message', () => {
    expect(() =>
      readMany!(fd, () => {
        throw new Error('no')
      }),
    ).toThrow('no')
    got.push('failed')
  })
  for (const packet of ['d', 'e']) sender.send(packet, port, '127.0.0.1')
  await until(() => got.length === 3)
  expect(readMany!(fd, () => {})).toBe(0)
  socket.close()
  sender.close()
})

test.runIf(readMany)('a descriptor that is no socket reads as silence', () => {
  expect(readMany!(-1, () => {})).toBe(0)
})

test('is there on Linux, on processors that it knows', () => {
  const known = process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch)
  expect(readMany !== undefined).toBe(known && process.getBuiltinModule('node:ffi') !== undefined)
})
