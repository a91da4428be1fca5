import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { createServer, type Server } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { certificate, pemOf } from '../support/certificates.ts'
import { newFolder } from '../support/folder.ts'
import { type Role, startRole, until } from '../support/role.ts'

/** A syslog server by TLS that wants a client certificate; it can go away and come back. */
async function startServer() {
  const messages: string[] = []
  const sockets = new Set<Socket>()
  let port = 0
  let server: Server
  const start = async () => {
    server = createServer(
      { ...pemOf(certificate('metron')), requestCert: true, rejectUnauthorized: true },
      (socket) => {
        sockets.add(socket)
        let rest = Buffer.alloc(0)
        socket.on('error', () => {})
        socket.on('close', () => sockets.delete(socket))
        socket.on('data', (bytes: Buffer) => {
          rest = Buffer.concat([rest, bytes])
          for (;;) {
            const space = rest.indexOf(0x20)
            const size = Number(rest.toString('latin1', 0, Math.max(space, 0)))
            if (space < 0 || rest.length < space + 1 + size) return
            messages.push(rest.toString('utf8', space + 1, space + 1 + size))
            rest = rest.subarray(space + 1 + size)
          }
        })
      },
    ).listen(port, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  }
  const stop = async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
  await start()
  onTestFinished(stop)
  return { messages, start, stop, port: () => port }
}

async function startComponentSyslog(port: number): Promise<{ role: Role; files: string; tcp: string; udp: string }> {
  const folder = newFolder()
  const files = `${folder}/log`
  mkdirSync(`${files}/nginx`, { recursive: true })
  writeFileSync(`${files}/nginx/access.log`, '')
  const own = certificate('client')
  const role = await startRole('component-syslog', {
    SYSLOG_ADDRESS: '127.0.0.1',
    SYSLOG_PORT: String(port),
    SYSLOG_CA_FILE: own.ca,
    SYSLOG_CERT_FILE: own.cert,
    SYSLOG_KEY_FILE: own.key,
    SYSLOG_PERMITTED_PEER: 'metron',
    SYSLOG_HOSTNAME: 'vm-1',
    LOCAL_SYSLOG_PORT: '0',
    LOCAL_SYSLOG_SOCKET: `${folder}/dev-log`,
    LOG_FILES: `${files}/**/*.log`,
    STATE_DIR: folder,
    DEPLOYMENT: 'cf',
    INSTANCE_GROUP: 'router',
    METRICS_CA_FILE_PATH: own.ca,
    METRICS_CERT_FILE_PATH: own.cert,
    METRICS_KEY_FILE_PATH: own.key,
  })
  const tcp = await role.address(/listening for syslog by TCP address=(\S+)/)
  const udp = await role.address(/listening for syslog by UDP address=(\S+)/)
  return { role, files, tcp, udp }
}

async function send(address: string, text: string): Promise<void> {
  const [host, port] = address.split(':')
  const socket = connect(Number(port), host)
  await once(socket, 'connect')
  socket.end(text)
  await once(socket, 'close')
}

const instance = '[instance@47450 deployment="cf" group="router"]'

test('sends files, and what comes by TCP and UDP, to a server by mutual TLS', async () => {
  const server = await startServer()
  const { files, tcp, udp } = await startComponentSyslog(server.port())
  await send(tcp, '<165>1 2026-10-11T22:14:15.003+02:00 db7 postgres 411 ID7 [x@1 k="v"] by TCP\n')
  await until('the message by TCP', () => server.messages.length === 1)
  const datagrams = createSocket('udp4')
  datagrams.send('<38>Oct 11 22:14:15 web-01 sshd[2311]: by UDP', Number(udp.split(':')[1]), '127.0.0.1')
  await until('the message by UDP', () => server.messages.length === 2)
  datagrams.close()
  appendFileSync(`${files}/nginx/access.log`, 'GET / 200\n')
  await until('the line of the file', () => server.messages.length === 3)
  const path = `${files}/nginx/access.log`
  expect(server.messages[0]).toBe(
    `<165>1 2026-10-11T22:14:15.003+02:00 db7 postgres 411 ID7 [x@1 k="v"]${instance} by TCP`,
  )
  expect(server.messages[1]).toMatch(
    /^<38>1 \d{4}-10-11T22:14:15\+00:00 web-01 sshd 2311 - \[instance@47450 .*\] by UDP$/,
  )
  expect(server.messages[2]).toMatch(/^<14>1 \S+ vm-1 access\.log - - /)
  expect(server.messages[2]).toContain(`${instance.slice(0, -1)} log.file.path="${path}"] GET / 200`)
})

test('keeps everything while the server is away, in its order', async () => {
  const server = await startServer()
  const { role, tcp } = await startComponentSyslog(server.port())
  await send(tcp, '<14>1 - h a - - - first\n')
  await until('a first message', () => server.messages.length === 1)
  await server.stop()
  // Before it knows, it may write into the void.
  await role.line(/the peer ended the connection/)
  const lines = Array.from({ length: 5000 }, (_, i) => `<14>1 - h a - - - line ${i}\n`)
  await send(tcp, lines.join(''))
  await role.line(/nobody listens there/)
  await server.start()
  await until('all of it', () => server.messages.length >= 5001)
  expect(server.messages.slice(1).map((message) => message.slice(message.indexOf('line')))).toEqual(
    lines.map((_, i) => `line ${i}`),
  )
  expect((await role.stop()).code).toBe(0)
})

test('sends what it holds before it stops, and takes the local socket or says why not', async () => {
  const server = await startServer()
  const { role, tcp } = await startComponentSyslog(server.port())
  await send(tcp, '<14>1 - h a - - - line\n'.repeat(2000))
  const { code } = await role.stop()
  expect(code).toBe(0)
  await until('all of it', () => server.messages.length === 2000)
  const local = role.lines.filter((line) => line.includes('syslog/local'))
  expect(local.join()).toMatch(/local datagram sockets need|listening for syslog on a local socket/)
})
