import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { acquire } from './listener.ts'

const local = { host: '127.0.0.1', port: 0 }
const dialOnce = (port: number) =>
  new Promise<void>((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.on('close', () => resolve())
  })

test('a port that is in use is named, with what to do', async () => {
  const lease = await acquire(local, { onConnection: () => {} })
  await expect(acquire(lease.address, { onConnection: () => {} })).rejects.toThrow(
    `127.0.0.1:${lease.address.port} is in use; another component of this agent listens there already`,
  )
  const other = await acquire({ host: '0.0.0.0', port: 0 }, { onConnection: () => {} })
  await expect(acquire({ host: '127.0.0.1', port: other.address.port }, { onConnection: () => {} })).rejects.toThrow(
    /^127\.0\.0\.1:\d+ is in use; another process listens there/,
  )
  await expect(acquire({ host: '192.0.2.1', port: 0 }, { onConnection: () => {} })).rejects.toThrow(
    'no address of this machine',
  )
  await lease.release()
  await other.release()
})

test('a released port is free at once', async () => {
  const first = await acquire(local, { onConnection: (socket) => socket.destroy() })
  await first.release()
  await first.release()
  const second = await acquire(first.address, { onConnection: (socket) => socket.destroy() })
  expect(second.address).toEqual(first.address)
  await second.release()
})

test('a new owner takes the socket over unclosed; the old one can no longer close it', async () => {
  const seen: string[] = []
  const owner = (name: string) => (socket: Socket) => {
    seen.push(name)
    socket.destroy()
  }
  const old = await acquire(local, { onConnection: owner('old') })
  await dialOnce(old.address.port)
  const next = await acquire(old.address, { onConnection: owner('new'), takeOver: true })
  await old.release()
  await dialOnce(next.address.port)
  expect(seen).toEqual(['old', 'new'])
  await next.release()
  await expect(
    new Promise((_resolve, reject) => connect(next.address.port, '127.0.0.1').on('error', reject)),
  ).rejects.toThrow('ECONNREFUSED')
})
