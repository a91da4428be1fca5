import { connect, type Socket } from 'node:net'
import { type TLSSocket, connect as tlsConnect } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { newAuthority } from '../runtime/certs.ts'
import { ManualClock } from '../runtime/clock.ts'
import { newLog, silentLog } from '../runtime/log.ts'
import type { TcpConnection } from './tcp-connection.ts'
import { newTcpServer, type TcpServer, type TcpServerOptions } from './tcp-server.ts'
import { newVault, until } from './test-kit.ts'
import { serverTls } from './tls.ts'

const vault = newVault()
const cleanups: (() => void | Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Run {
  server: TcpServer
  port: number
  /** What came, by connection in the order of their opening. */
  got: string[]
  ends: number
  connections: TcpConnection[]
}

async function started(options: Partial<TcpServerOptions> = {}): Promise<Run> {
  const run: Run = { server: undefined as never, port: 0, got: [], ends: 0, connections: [] }
  run.server = newTcpServer({
    endpoint: { host: '127.0.0.1', port: 0 },
    log: silentLog,
    open(connection) {
      const at = run.got.push('') - 1
      run.connections.push(connection)
      return {
        data: (chunk) => {
          run.got[at] += chunk.toString('latin1')
        },
        end: () => {
          run.ends++
        },
      }
    },
    ...options,
  })
  run.port = (await run.server.start()).port
  cleanups.push(() => run.server.stop(AbortSignal.abort()))
  return run
}

function dial(port: number): Socket {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  cleanups.push(() => void socket.destroy())
  return socket
}

function dialTls(port: number, more: object = {}): { socket: TLSSocket; over: Promise<unknown> } {
  const socket = tlsConnect({ port, host: '127.0.0.1', ca: vault.authority.cert, servername: 'metron', ...more })
  const over = new Promise((resolve) => {
    socket.on('error', resolve)
    socket.on('close', resolve)
  })
  socket.resume()
  cleanups.push(() => void socket.destroy())
  return { socket, over }
}

const gone = (socket: Socket) => new Promise<void>((resolve) => socket.on('close', () => resolve()))

test('bytes of each connection reach its own sink, and its end too', async () => {
  const run = await started()
  const [first, second] = [dial(run.port), dial(run.port)]
  first.end('one')
  await until(() => run.ends === 1)
  second.end('two')
  await until(() => run.ends === 2)
  expect(run.got.toSorted()).toEqual(['one', 'two'])
  await until(() => run.server.stats.connectionsOpen === 0)
  expect(run.server.stats).toMatchObject({ connectionsAccepted: 2, bytesIn: 6 })
})

test('connections beyond the limit are closed at once and counted', async () => {
  const run = await started({ limits: { maxConnections: 1 } })
  dial(run.port).write('x')
  await until(() => run.got[0] === 'x')
  await gone(dial(run.port))
  expect(run.server.stats).toMatchObject({ connectionsOpen: 1, connectionsRefused: 1 })
})

test('a connection that nobody touched for the idle time is closed; a touched one stays', async () => {
  const clock = new ManualClock()
  const run = await started({ clock, limits: { idleTimeoutMs: 1000 } })
  const idle = dial(run.port)
  await until(() => run.connections.length === 1)
  const busy = dial(run.port)
  await until(() => run.connections.length === 2)
  clock.advance(900)
  run.connections[1]!.touch()
  clock.advance(300)
  await gone(idle)
  expect(run.server.stats.connectionsIdle).toBe(1)
  expect(busy.destroyed).toBe(false)
})

test('a paused server reads nothing, and everything after resume', async () => {
  const run = await started()
  run.server.pause()
  const socket = dial(run.port)
  socket.write('held')
  await until(() => run.connections.length === 1)
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  expect(run.got).toEqual([''])
  run.server.resume()
  await until(() => run.got[0] === 'held')
})

test('one connection gets its share of a turn and no more', async () => {
  let turn = 0
  const perTurn = new Map<number, number>()
  const tick = setInterval(() => {}, 1000)
  cleanups.push(() => clearInterval(tick))
  const count = () => {
    turn++
    if (!done) setImmediate(count)
  }
  let done = false
  let total = 0
  const run = await started({
    readBytesPerTurn: 128 << 10,
    open: () => ({
      data(chunk) {
        perTurn.set(turn, (perTurn.get(turn) ?? 0) + chunk.length)
        total += chunk.length
      },
      end: () => {},
    }),
  })
  setImmediate(count)
  dial(run.port).end(Buffer.alloc(4 << 20))
  await until(() => total === 4 << 20)
  done = true
  // One read of at most 64 KiB may be under way when the share is used up.
  expect(Math.max(...perTurn.values())).toBeLessThanOrEqual((128 << 10) + (64 << 10))
})

test('a sink that throws costs its own connection', async () => {
  const lines: string[] = []
  const log = newLog({ level: 'warn', write: (line) => void lines.push(line) })
  const run = await started({
    log,
    open: () => ({
      data() {
        throw new Error('a bug')
      },
      end: () => {},
    }),
  })
  const socket = dial(run.port)
  socket.write('x')
  await gone(socket)
  expect(lines.join()).toContain('a bug')
})

test('what has arrived when the server stops is still read', async () => {
  const run = await started()
  const socket = dial(run.port)
  socket.write('a')
  await until(() => run.got[0] === 'a')
  run.server.pause()
  const big = Buffer.alloc(300_000, 'b')
  await new Promise<void>((resolve) => socket.write(big, () => resolve()))
  run.server.resume()
  await run.server.stop()
  expect(run.got[0]!.length).toBe(300_001)
  expect(run.ends).toBe(1)
})

test('a server can be stopped before its start, and twice', async () => {
  const run = await started()
  await run.server.stop()
  await run.server.stop()
  const never = newTcpServer({ endpoint: { host: '127.0.0.1', port: 0 }, log: silentLog, open: () => never as never })
  await never.stop()
})

const tls = (name: string, ca = true) => {
  const files = vault.files(name)
  return serverTls(ca ? files : { cert: files.cert, key: files.key }, {
    reloadMs: 1000,
    clock: new ManualClock(Date.now()),
  })
}
const clientPair = (name: string, authority = vault.authority) => {
  const { cert, key } = vault.files(name, { commonName: name }, authority)
  return { cert: read(cert), key: read(key) }
}
const read = (path: string) => process.getBuiltinModule('node:fs').readFileSync(path, 'utf8')

test('TLS: the verified subject of the peer is known', async () => {
  const run = await started({ tls: tls('server') })
  dialTls(run.port, clientPair('app-7')).socket.end('hello')
  await until(() => run.got[0] === 'hello')
  expect(run.connections[0]!.origin).toMatchObject({ address: '127.0.0.1', subject: 'app-7' })
})

test('TLS: no certificate, a foreign one, plain text, silence: counted by cause, and the server goes on', async () => {
  const lines: string[] = []
  const log = newLog({ level: 'warn', write: (line) => void lines.push(line) })
  const clock = new ManualClock(Date.now())
  const run = await started({ tls: tls('server2'), log, clock, limits: { handshakeTimeoutMs: 50 } })
  const { handshakesFailed } = run.server.stats
  await dialTls(run.port).over
  await until(() => handshakesFailed.no_certificate === 1)
  await dialTls(run.port, clientPair('stranger', newAuthority({ commonName: 'other' }))).over
  await until(() => handshakesFailed.unknown_ca === 1)
  const plain = dial(run.port)
  plain.write('<14>1 - h app 0 - - plain text on the TLS port\n')
  await gone(plain)
  await until(() => handshakesFailed.not_tls === 1)
  const silent = dial(run.port)
  await until(() => run.server.stats.handshakesPending === 1)
  clock.advance(50)
  await gone(silent)
  await until(() => handshakesFailed.timeout === 1)
  expect(lines.join('')).toMatch(/sent no certificate[\s\S]*not signed by a CA[\s\S]*did not speak TLS/)
  dialTls(run.port, clientPair('app')).socket.end('fine')
  await until(() => run.got[0] === 'fine')
  await until(() => run.server.stats.connectionsOpen === 0)
  expect(run.server.stats.handshakesPending).toBe(0)
})

test('TLS: a peer may not renegotiate; what it sends is still read', async () => {
  const run = await started({ tls: tls('server3', false) })
  const { socket } = dialTls(run.port, { maxVersion: 'TLSv1.2' })
  await new Promise<void>((resolve) => socket.once('secureConnect', () => resolve()))
  socket.write('before')
  await until(() => run.got[0] === 'before')
  let renegotiated = false
  socket.renegotiate({}, (error) => {
    renegotiated = error === null
  })
  socket.write(' and after')
  await until(() => run.got[0] === 'before and after' || run.ends === 1)
  expect(renegotiated).toBe(false)
  const other = dialTls(run.port).socket
  other.end('other')
  await until(() => run.got[1] === 'other')
})

test('TLS: changed files serve new connections', async () => {
  const clock = new ManualClock(Date.now())
  const files = vault.files('rotating', { commonName: 'old' })
  const served = serverTls({ cert: files.cert, key: files.key }, { reloadMs: 1000, clock })
  const run = await started({ tls: served })
  const subject = async () => {
    const { socket } = dialTls(run.port)
    await new Promise<void>((resolve) => socket.once('secureConnect', () => resolve()))
    return socket.getPeerCertificate().subject.CN
  }
  expect(await subject()).toBe('old')
  vault.files('rotating', { commonName: 'new' })
  clock.advance(1000)
  expect(await subject()).toBe('new')
})
