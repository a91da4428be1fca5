import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdtempSync, writeFileSync, writeSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openLibc } from '../../src/net/libc.ts'
import { openUnixSockets } from '../../src/net/unix-sockets.ts'

const bin = new URL('../../bin/tailrace', import.meta.url).pathname
const libc = openLibc()

/** A socket of 127.0.0.1 that listens and that nobody accepts from: Node's own would. */
function listeningSocket(): { fd: number; port: number } {
  const { socket, bind, listen, getsockname } = libc!.dlopen(null, {
    socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
    bind: { arguments: ['i32', 'buffer', 'u32'], return: 'i32' },
    listen: { arguments: ['i32', 'i32'], return: 'i32' },
    getsockname: { arguments: ['i32', 'buffer', 'buffer'], return: 'i32' },
  }).functions
  // struct sockaddr_in: AF_INET, port 0, 127.0.0.1.
  const address = Buffer.alloc(16)
  address.writeUInt16LE(2)
  address.set([127, 0, 0, 1], 4)
  const fd = socket(2, 1, 0)
  expect(bind(fd, address, address.length)).toBe(0)
  expect(listen(fd, 16)).toBe(0)
  const size = Buffer.alloc(4)
  size.writeUInt32LE(address.length)
  expect(getsockname(fd, address, size)).toBe(0)
  return { fd, port: address.readUInt16BE(2) }
}

test.skipIf(!libc)('what is sent before the process runs is taken from the socket that it was handed', async () => {
  const { fd, port } = listeningSocket()
  const file = join(mkdtempSync(join(tmpdir(), 'tailrace-activated-')), 'tailrace.yaml')
  writeFileSync(
    file,
    `receivers: {syslog: {tcp: {listen_address: "127.0.0.1:${port}"}}}
exporters: {debug: {verbosity: detailed}}
service: {pipelines: {logs: {receivers: [syslog], exporters: [debug]}}}
`,
  )
  const socket = connect(port, '127.0.0.1', () => socket.write('<14>1 2026-08-14T10:20:30Z host app - - - early\n'))
  onTestFinished(() => void socket.destroy())
  const agent = activated(file, fd)
  await expect.poll(agent.log).toMatch(/message=early/)
  await expect.poll(agent.log).toContain(`listening for syslog by TCP address=127.0.0.1:${port}`)
})

test.skipIf(!libc)('a local socket is read and left, and one that nobody asks for is named', async () => {
  const { fd: idle, port } = listeningSocket()
  const folder = mkdtempSync(join(tmpdir(), 'tailrace-activated-'))
  const [file, path] = [join(folder, 'tailrace.yaml'), join(folder, 'log')]
  writeFileSync(
    file,
    `receivers: {syslog: {unix: {path: ${path}}}}
exporters: {debug: {verbosity: detailed}}
service: {admin: {enabled: false}, pipelines: {logs: {receivers: [syslog], exporters: [debug]}}}
`,
  )
  const sockets = openUnixSockets()
  const fd = sockets.listen(path)
  const writer = sockets.connect(path)!
  onTestFinished(() => closeSync(writer))
  writeSync(writer, '<14>Aug 14 10:20:30 app: early')
  const agent = activated(file, fd, idle)
  await expect.poll(agent.log).toMatch(/message=early/)
  const unused = `a socket of the service manager is used by nobody socket="tcp 127.0.0.1:${port}"`
  await expect.poll(agent.log).toContain(unused)
  await agent.end()
  expect(existsSync(path)).toBe(true)
})

/** An agent that was handed these sockets, as systemd does it. They are closed here. */
function activated(file: string, ...fds: number[]) {
  // The variables name the process that they are for, whose number `exec` keeps.
  const agent = spawn('sh', ['-c', `LISTEN_PID=$$ exec ${bin} run ${file}`], {
    stdio: ['ignore', 'pipe', 'pipe', ...fds],
    env: { ...process.env, LISTEN_FDS: String(fds.length) },
  })
  onTestFinished(() => void agent.kill('SIGKILL'))
  for (const fd of fds) closeSync(fd)
  let log = ''
  for (const stream of [agent.stdout!, agent.stderr!]) stream.on('data', (text) => (log += text))
  const ended = once(agent, 'exit')
  return {
    log: () => log,
    end() {
      agent.kill()
      return ended
    },
  }
}
