import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { ManualClock } from '../runtime/clock.ts'
import { type FakeAnswer, type FakeDns, fakeDns } from './fake-dns.fixture.ts'
import { newResolver, type ResolverOptions } from './resolver.ts'

const servers: FakeDns[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

const folder = () => mkdtempSync(join(tmpdir(), 'tailrace-names-'))

async function resolverOver(
  answer: (name: string, type: 'A' | 'AAAA') => FakeAnswer,
  options: ResolverOptions & { hosts?: string; resolv?: string } = {},
) {
  const dns = await fakeDns(answer)
  servers.push(dns)
  const dir = folder()
  writeFileSync(join(dir, 'hosts'), options.hosts ?? '')
  writeFileSync(join(dir, 'resolv.conf'), options.resolv ?? '')
  const files = { hostsFile: join(dir, 'hosts'), resolvFile: join(dir, 'resolv.conf') }
  return { dns, dir, ...newResolver({ ...files, servers: [dns.server], timeoutMs: 2000, ...options }) }
}

test('answers every address of both families, IPv4 first', async () => {
  const { resolve } = await resolverOver((_, type) =>
    type === 'A' ? ['10.0.0.1', '10.0.0.2'] : ['fd00:0:0:0:0:0:0:1'],
  )
  expect(await resolve('drain.example')).toEqual(['10.0.0.1', '10.0.0.2', 'fd00::1'])
})

test('one family without records is no failure, nor is one that the server cannot answer', async () => {
  const { resolve } = await resolverOver((name, type) =>
    type === 'A' ? (name === 'six.example' ? 2 : ['10.0.0.1']) : name === 'six.example' ? ['fd00:0:0:0:0:0:0:1'] : [],
  )
  expect(await resolve('four.example')).toEqual(['10.0.0.1'])
  expect(await resolve('six.example')).toEqual(['fd00::1'])
})

test('a server that is silent about one family costs half a second, not the answer', async () => {
  const { resolve } = await resolverOver((_, type) => (type === 'A' ? ['10.0.0.1'] : 'silence'))
  expect(await resolve('four.example')).toEqual(['10.0.0.1'])
})

test('an address is its own answer, and nobody is asked', async () => {
  const { resolve, dns } = await resolverOver(() => 3)
  expect(await resolve('10.1.2.3')).toEqual(['10.1.2.3'])
  expect(await resolve('fd00::2')).toEqual(['fd00::2'])
  expect(dns.asked).toEqual([])
})

test('the hosts file goes before DNS, and is read again when it changed', async () => {
  const clock = new ManualClock()
  const { resolve, dir } = await resolverOver(() => ['10.0.0.9'], {
    hosts: '::1 both # comment\n127.0.0.1 both Upper.Example\nnonsense here\n',
    clock,
  })
  expect(await resolve('both')).toEqual(['127.0.0.1', '::1'])
  expect(await resolve('upper.example')).toEqual(['127.0.0.1'])
  expect(await resolve('other.example')).toEqual(['10.0.0.9'])
  writeFileSync(join(dir, 'hosts'), '127.0.0.2 other.example and more text to change its size\n')
  clock.advance(6000)
  expect(await resolve('other.example')).toEqual(['127.0.0.2'])
})

test('localhost is known without any file', async () => {
  const { resolve } = newResolver({ hostsFile: '/nowhere/hosts', resolvFile: '/nowhere/resolv.conf' })
  expect(await resolve('localhost')).toEqual(['127.0.0.1', '::1'])
})

test('search domains are tried as the dots say', async () => {
  const { resolve, dns } = await resolverOver((name) => (name === 'cache.svc.internal' ? ['10.0.0.3'] : 3), {
    resolv: 'search svc.internal. other.internal\noptions timeout:1 ndots:2\n',
  })
  expect(await resolve('cache')).toEqual(['10.0.0.3'])
  expect(dns.asked).toEqual(['cache.svc.internal'])
  await expect(resolve('a.b.example')).rejects.toThrow('the name a.b.example does not resolve')
  expect(dns.asked.slice(1)).toEqual(['a.b.example', 'a.b.example.svc.internal', 'a.b.example.other.internal'])
})

test.each<[FakeAnswer, 'name' | 'server', string]>([
  [3, 'name', 'the name gone.example does not resolve'],
  [[], 'name', 'the name gone.example does not resolve'],
  [2, 'server', 'the name gone.example cannot be looked up right now: the DNS server failed'],
  [5, 'server', 'the name gone.example cannot be looked up right now: the DNS server refused to answer'],
  ['silence', 'server', 'DNS did not answer for gone.example within 500 ms'],
])('tells "there is none" from "nobody could say": %j', async (said, kind, message) => {
  const { resolve } = await resolverOver(() => said, { timeoutMs: 500 })
  await expect(resolve('gone.example')).rejects.toMatchObject({ kind, message })
})

test('one question for all who ask at once; more names than the bound are refused', async () => {
  const { resolve, dns } = await resolverOver(() => ['10.0.0.1'], { maxPending: 1 })
  const first = resolve('a.example')
  const second = resolve('A.example')
  await expect(resolve('b.example')).rejects.toThrow('1 names are being looked up already')
  expect(await Promise.all([first, second])).toEqual([['10.0.0.1'], ['10.0.0.1']])
  expect(dns.asked).toEqual(['a.example'])
  expect(await resolve('b.example')).toEqual(['10.0.0.1'])
})
