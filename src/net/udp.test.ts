import { createSocket } from 'node:dgram'
import { expect, test } from 'vitest'
import { ManualClock } from '../runtime/clock.ts'
import { silentLog } from '../runtime/log.ts'
import { parseProcUdp } from './proc-udp.ts'
import { until } from './test-kit.ts'
import { newUdpListener } from './udp.ts'
import { canReadBursts } from './udp-bursts.ts'

const endpoint = { host: '127.0.0.1', port: 0 }

async function send(port: number, ...packets: (string | Buffer)[]): Promise<void> {
  const socket = createSocket('udp4')
  for (const packet of packets) await new Promise((resolve) => socket.send(packet, port, '127.0.0.1', resolve))
  socket.close()
}

test('hands datagrams on whole and in order, empty ones too', async () => {
  const got: string[] = []
  const listener = newUdpListener({ endpoint, onPacket: (packet) => void got.push(packet.toString()), log: silentLog })
  const { port } = await listener.start()
  await send(port, 'one', '', 'x'.repeat(9000))
  await until(() => got.length === 3)
  expect(got).toEqual(['one', '', 'x'.repeat(9000)])
  expect(listener.stats).toMatchObject({ packets: 3, bytes: 9003, errors: 0 })
  expect(listener.receiveBufferBytes).toBeGreaterThan(0)
  await listener.stop()
})

test.each([true, false])(
  'hands on bursts whole and in order, and what comes between them: bursts %s',
  async (bursts) => {
    const got: string[] = []
    const onPacket = (packet: Buffer) => void got.push(packet.toString())
    const listener = newUdpListener({ endpoint, onPacket, bursts, log: silentLog })
    const { port } = await listener.start()
    const sent: string[] = []
    for (const count of [1, 500, 1, 3, 70]) {
      const burst = Array.from({ length: count }, (_, i) => `${sent.length + i}`)
      sent.push(...burst)
      await send(port, ...burst)
      // Once all is there, the next burst may meet a listener that rests, reads or waits.
      await until(() => got.length === sent.length)
    }
    expect(got).toEqual(sent)
    expect(listener.stats).toMatchObject({ packets: sent.length, errors: 0 })
    await listener.stop()
  },
)

test.runIf(canReadBursts())('takes what has arrived before it stops, and can start again', async () => {
  const got: string[] = []
  const onPacket = (packet: Buffer) => void got.push(packet.toString())
  const listener = newUdpListener({ endpoint, onPacket, log: silentLog })
  const { port } = await listener.start()
  await send(port, 'first')
  await until(() => got.length === 1)
  // The listener rests now: these wait in the kernel.
  await send(port, 'second', 'third')
  await listener.stop()
  expect(got).toEqual(['first', 'second', 'third'])
  const again = await listener.start()
  await send(again.port, 'fourth')
  await until(() => got.length === 4)
  await listener.stop()
})

test('a listener that is stopped by what it reads takes no more', async () => {
  const got: string[] = []
  let stopped: Promise<void> | undefined
  const onPacket = (packet: Buffer) => {
    got.push(packet.toString())
    if (packet.toString() === 'stop') stopped = listener.stop()
  }
  const listener = newUdpListener({ endpoint, onPacket, log: silentLog })
  const { port } = await listener.start()
  await send(port, 'a')
  await until(() => got.length === 1)
  await send(port, 'b', 'stop')
  await until(() => stopped !== undefined)
  await stopped
  expect(got).toEqual(['a', 'b', 'stop'])
  expect(listener.address).toBeUndefined()
})

test('stopped while it is being bound it leaves no socket behind', async () => {
  const listener = newUdpListener({ endpoint, onPacket: () => {}, log: silentLog })
  const starting = listener.start()
  await listener.stop()
  const address = await starting
  expect(listener.address).toBeUndefined()
  const rival = newUdpListener({ endpoint: address, onPacket: () => {}, log: silentLog })
  await rival.start()
  await rival.stop()
})

test('counts what the kernel dropped for this socket alone', async () => {
  let packets = 0
  const idle = newUdpListener({ endpoint, onPacket: () => {}, log: silentLog })
  const listener = newUdpListener({
    endpoint,
    onPacket: () => void packets++,
    receiveBufferBytes: 4096,
    log: silentLog,
  })
  await idle.start()
  const { port } = await listener.start()
  expect(listener.kernelDrops()).toBe(0)
  // Sent while this thread does not read: nothing leaves the buffer before the loop below is done.
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.connect(port, '127.0.0.1', resolve))
  const sent = 300
  let done = 0
  for (let i = 0; i < sent; i++) socket.send(Buffer.alloc(1000), () => done++)
  await until(() => done === sent && packets + listener.kernelDrops() === sent)
  if (process.platform === 'linux') expect(listener.kernelDrops()).toBeGreaterThan(0)
  expect(idle.kernelDrops()).toBe(0)
  socket.close()
  const drops = listener.kernelDrops()
  await listener.stop()
  await idle.stop()
  expect(listener.kernelDrops()).toBe(drops)
})

test('a listener that throws loses that datagram alone', async () => {
  const got: string[] = []
  const onPacket = (packet: Buffer) => {
    if (packet.length === 3) throw new Error('bad')
    got.push(packet.toString())
  }
  const listener = newUdpListener({ endpoint, onPacket, log: silentLog })
  const { port } = await listener.start()
  await send(port, 'a', 'bad', 'b')
  await until(() => got.length === 2)
  expect(listener.stats).toMatchObject({ packets: 3, errors: 1 })
  await listener.stop()
})

test('start and stop twice, stop before start, the port is free afterwards', async () => {
  const listener = newUdpListener({ endpoint, onPacket: () => {}, log: silentLog, clock: new ManualClock() })
  await listener.stop()
  const address = await listener.start()
  expect(await listener.start()).toEqual(address)
  expect(listener.address).toEqual(address)
  const rival = newUdpListener({ endpoint: address, onPacket: () => {}, log: silentLog })
  await expect(rival.start()).rejects.toThrow(/is in use; another process listens there/)
  await listener.stop()
  await listener.stop()
  expect(listener.address).toBeUndefined()
  await rival.start()
  await rival.stop()
})

test('reads the kernel table', () => {
  const table = [
    '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            ',
    ' 1234: 0100007F:1F91 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4242 2 0000000000000000 17          ',
    'garbage',
    '',
  ].join('\n')
  expect(parseProcUdp(table)).toEqual([{ port: 8081, inode: '4242', drops: 17 }])
})
