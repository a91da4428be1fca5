import { closeSync, existsSync, mkdtempSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { silentLog } from '../runtime/log.ts'
import { giveBackInherited, takeInheritedPath } from './inherited-sockets.ts'
import { newUnixDatagrams } from './unix-datagrams.ts'
import { openUnixSockets } from './unix-sockets.ts'

const freePath = () => join(mkdtempSync(join(tmpdir(), 'tailrace-unix-')), 'log')

function listenAt(path: string) {
  const packets: string[] = []
  const listener = newUnixDatagrams({
    path,
    onPacket: (packet) => void packets.push(packet.toString()),
    log: silentLog,
  })
  listener.start()
  onTestFinished(() => listener.stop())
  return { listener, packets }
}

function writerTo(path: string): number {
  const fd = openUnixSockets().connect(path)!
  onTestFinished(() => closeSync(fd))
  return fd
}

/** Node writes to a full local socket fail with EAGAIN: the writer is told to come again. */
async function writeAll(fd: number, texts: string[]): Promise<void> {
  for (const text of texts) {
    for (let written = false; !written; ) {
      try {
        writeSync(fd, text)
        written = true
      } catch (error) {
        expect((error as NodeJS.ErrnoException).code).toBe('EAGAIN')
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
  }
}

test('datagrams arrive whole and in order, however many', async () => {
  const path = freePath()
  const { listener, packets } = listenAt(path)
  const texts = Array.from({ length: 2000 }, (_, i) => `${i} ${'x'.repeat(i)}`)
  await writeAll(writerTo(path), texts)
  await expect.poll(() => packets.length).toBe(2000)
  expect(packets).toEqual(texts)
  expect(listener.packets).toBe(2000)
})

test('what has arrived is read before the end, and the socket is removed', async () => {
  const path = freePath()
  const { listener, packets } = listenAt(path)
  const fd = writerTo(path)
  writeSync(fd, 'one')
  writeSync(fd, 'two')
  await listener.stop()
  expect(packets).toEqual(['one', 'two'])
  expect(existsSync(path)).toBe(false)
  expect(() => writeSync(fd, 'three')).toThrow('ECONNREFUSED')
  await listener.stop()
})

test('starts again after a stop', async () => {
  const path = freePath()
  const { listener, packets } = listenAt(path)
  await listener.stop()
  listener.start()
  writeSync(writerTo(path), 'again')
  await expect.poll(() => packets).toEqual(['again'])
})

test('a path that another process reads is not taken away', () => {
  const path = freePath()
  listenAt(path)
  expect(() => listenAt(path)).toThrow('is in use; another process reads it')
})

test('what a dead process left behind is replaced', async () => {
  const path = freePath()
  const dead = openUnixSockets().listen(path)
  closeSync(dead)
  const { packets } = listenAt(path)
  writeSync(writerTo(path), 'alive')
  await expect.poll(() => packets).toEqual(['alive'])
})

const newFile = (path: string) => {
  writeFileSync(path, '')
  return path
}

test.each<[string, (path: string) => string, string]>([
  ['another file of that name', newFile, 'which is no socket'],
  ['no such folder', (path) => `${path}/nowhere/log`, 'ENOENT'],
  ['a path that is too long', (path) => path + 'x'.repeat(108), '107 bytes at most'],
])('%s is told', (_name, pathOf, text) => {
  expect(() => listenAt(pathOf(freePath()))).toThrow(text)
})

test('a consumer that throws costs its own datagram', async () => {
  const path = freePath()
  const packets: string[] = []
  const onPacket = (packet: Buffer) => {
    if (packet.toString() === 'bad') throw new Error('no')
    packets.push(packet.toString())
  }
  const listener = newUnixDatagrams({ path, onPacket, log: silentLog })
  listener.start()
  onTestFinished(() => listener.stop())
  await writeAll(writerTo(path), ['bad', 'good'])
  await expect.poll(() => packets).toEqual(['good'])
})

test('a socket of the service manager is left as it was: with its path, and readable by whoever comes next', async () => {
  const path = freePath()
  giveBackInherited(path, openUnixSockets().listen(path))
  const writer = writerTo(path)
  for (const text of ['first', 'second']) {
    const { listener, packets } = listenAt(path)
    writeSync(writer, text)
    await expect.poll(() => packets).toEqual([text])
    await listener.stop()
    expect(packets).toEqual([text])
  }
  expect(existsSync(path)).toBe(true)
  closeSync(takeInheritedPath(path)!)
})
