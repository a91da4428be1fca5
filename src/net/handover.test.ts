import { createSocket } from 'node:dgram'
import { rmSync } from 'node:fs'
import { get } from 'node:http'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterAll, describe, expect, test } from 'vitest'
import { beginHandover, onBehalfOf } from '../runtime/handover.ts'
import { silentLog } from '../runtime/log.ts'
import type { Address } from './address.ts'
import { newGrpcClient } from './grpc-client.ts'
import { newGrpcServer } from './grpc-server.ts'
import { unary } from './grpc-types.ts'
import { newHttpServer } from './http-server.ts'
import { newTcpServer } from './tcp-server.ts'
import { newVault, until } from './test-kit.ts'
import { serverTls } from './tls.ts'
import { newUdpListener } from './udp.ts'

const vault = newVault()
afterAll(() => rmSync(vault.dir, { recursive: true, force: true }))

/** One way to listen: a server that answers with its name, and how to ask. */
interface Way {
  server(
    name: string,
    endpoint: Address,
    seen: string[],
  ): { start(): Promise<Address>; stop(signal?: AbortSignal): Promise<void> }
  /** Resolves when the server has noticed. */
  ask(address: Address, seen: string[]): Promise<void>
}

const log = silentLog
const tcp = (isTls: boolean): Way => ({
  server: (name, endpoint, seen) =>
    newTcpServer({
      endpoint,
      log,
      drainMs: 10,
      tls: isTls ? serverTls({ cert: vault.files('s').cert, key: vault.files('s').key }) : undefined,
      open: () => ({ data: (chunk) => void seen.push(`${name} ${chunk}`), end() {} }),
    }),
  async ask({ host, port }, seen) {
    const before = seen.length
    const socket = isTls ? connectTls({ host, port, rejectUnauthorized: false }) : connect(port, host)
    socket.on('error', () => {})
    socket.end('x')
    await until(() => seen.length > before)
  },
})

const ways: Record<string, Way> = {
  TCP: tcp(false),
  TLS: tcp(true),
  HTTP: {
    server: (name, endpoint, seen) =>
      newHttpServer({
        endpoint,
        log,
        routes: {
          '/': (_, response) => {
            seen.push(`${name} x`)
            response.end(name)
          },
        },
      }),
    ask: ({ host, port }) =>
      new Promise((resolve, reject) => {
        get({ host, port, agent: false }, (response) => response.resume().on('end', () => resolve())).on(
          'error',
          reject,
        )
      }),
  },
  gRPC: {
    server: (name, endpoint, seen) =>
      newGrpcServer({
        endpoint,
        log,
        methods: {
          '/a/B': unary(() => {
            seen.push(`${name} x`)
            return Buffer.from(name)
          }),
        },
      }),
    async ask({ host, port }) {
      const client = newGrpcClient({ address: `${host}:${port}`, tls: undefined, log })
      await client.unary('/a/B', Buffer.alloc(0))
      await client.close()
    },
  },
  UDP: {
    server: (name, endpoint, seen) =>
      newUdpListener({ endpoint, log, onPacket: (packet) => void seen.push(`${name} ${packet}`) }),
    async ask({ host, port }, seen) {
      const before = seen.length
      const socket = createSocket('udp4')
      await new Promise((resolve) => socket.send('x', port, host, resolve))
      socket.close()
      await until(() => seen.length > before)
    },
  },
}

describe.each(Object.entries(ways))('a socket of %s', (_, { server, ask }) => {
  const started = async () => {
    const seen: string[] = []
    const old = server('old', { host: '127.0.0.1', port: 0 }, seen)
    const address = await onBehalfOf('one', () => old.start())
    return { seen, old, address }
  }

  test('goes to the successor when everything is ready, unclosed', async () => {
    const { seen, old, address } = await started()
    const handover = beginHandover(new Set(['one']))
    const next = server('new', address, seen)
    expect(await onBehalfOf('two', () => next.start())).toEqual(address)
    await ask(address, seen)
    handover.complete()
    await ask(address, seen)
    await old.stop(AbortSignal.abort())
    await ask(address, seen)
    expect(seen).toEqual(['old x', 'new x', 'new x'])
    // And on to the one after that.
    const again = beginHandover(new Set(['two']))
    const last = server('last', address, seen)
    await onBehalfOf('two', () => last.start())
    again.complete()
    await next.stop(AbortSignal.abort())
    await ask(address, seen)
    expect(seen.at(-1)).toBe('last x')
    await last.stop(AbortSignal.abort())
    const free = server('free', address, seen)
    expect(await free.start()).toEqual(address)
    await free.stop(AbortSignal.abort())
  })

  test('stays where it is when the change is given up, and can be promised again', async () => {
    const { seen, old, address } = await started()
    for (let i = 0; i < 2; i++) {
      const handover = beginHandover(new Set(['one']))
      const next = server('new', address, seen)
      await onBehalfOf('two', () => next.start())
      handover.abandon()
      await next.stop(AbortSignal.abort())
      await ask(address, seen)
    }
    expect(seen).toEqual(['old x', 'old x'])
    await old.stop(AbortSignal.abort())
  })

  test('is not promised by one who stays, nor to two', async () => {
    const { seen, old, address } = await started()
    const other = beginHandover(new Set(['another']))
    await expect(onBehalfOf('two', () => server('new', address, seen).start())).rejects.toThrow('in use')
    other.abandon()
    const handover = beginHandover(new Set(['one']))
    const next = server('new', address, seen)
    await onBehalfOf('two', () => next.start())
    await expect(onBehalfOf('three', () => server('third', address, seen).start())).rejects.toThrow('in use')
    handover.complete()
    await old.stop(AbortSignal.abort())
    await next.stop(AbortSignal.abort())
  })
})
