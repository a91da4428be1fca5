import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { clientTls } from '../../net/tls.ts'
import { ManualClock, systemClock } from '../../runtime/clock.ts'
import { newBindingsClient } from './bindings-client.ts'
import { newPoller, withJitter } from './poller.ts'
import { atEnd, authority, bindingCache, bindingsJson, cleanUp, serverCertificate } from './test-kit.ts'

afterEach(cleanUp)

const client = (url: string, timeoutMs = 5000) =>
  newBindingsClient({
    url,
    tls: clientTls({ inline: { ca: authority.cert } }, { reloadMs: 0 }),
    serverName: 'localhost',
    timeoutMs,
    clock: systemClock,
  })

test('an answer is read once, and the same one again is no news', async () => {
  const answers = { bindings: bindingsJson({ 'syslog://a:1': ['app'] }), aggregate: 'null\n' }
  const { settings } = await bindingCache(answers)
  const cache = client(`${settings.url}/`)
  expect((await cache.bindings())!.map(({ url }) => url)).toEqual(['syslog://a:1'])
  expect(await cache.bindings()).toBeUndefined()
  expect(await cache.aggregate()).toEqual([])
  answers.bindings = '[]'
  expect(await cache.bindings()).toEqual([])
})

test.each([
  [503, 'unexpected http response from binding cache: 503'],
  ['<html>', 'not JSON'],
  ['{"a": 1}', 'expected a list'],
])('%j is an error in plain words', async (answer, expected) => {
  const { settings } = await bindingCache({ bindings: answer, aggregate: '' })
  await expect(client(settings.url).bindings()).rejects.toThrow(expected)
})

test('a cache that accepts and never answers, or trickles, is given up after the time for an answer', async () => {
  const server = createServer(serverCertificate, (socket) => {
    socket.on('error', () => {})
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[')
    const timer = setInterval(() => socket.write(' '), 10)
    socket.on('close', () => clearInterval(timer))
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  atEnd(() => new Promise((resolve) => void server.close(resolve)))
  const { port } = server.address() as AddressInfo
  await expect(client(`https://127.0.0.1:${port}`, 100).bindings()).rejects.toThrow('did not answer within 100 ms')
})

test('nobody listens', async () => {
  await expect(client('https://127.0.0.1:1').bindings()).rejects.toThrow('connection refused: nobody listens there')
})

test('a poller waits for what it does, and keeps its pace', async () => {
  const clock = new ManualClock()
  let calls = 0
  const poller = newPoller(1000, clock, async () => void calls++)
  await poller.start()
  expect(calls).toBe(1)
  for (let i = 2; i < 5; i++) {
    clock.advance(1000)
    await Promise.resolve()
    await Promise.resolve()
    expect(calls).toBe(i)
  }
  poller.stop()
  clock.advance(10_000)
  expect(calls).toBe(4)
  expect([withJitter(1000, () => 0), withJitter(1000, () => 0.5), withJitter(0, () => 0)]).toEqual([1000, 1500, 1000])
})
