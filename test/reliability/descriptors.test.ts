import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { newFolder, writeFiles } from '../support/folder.ts'
import { newLineSenders, otlpAddress, startCounter } from '../support/numbered-lines.ts'
import { type Role, startProcess, until } from '../support/role.ts'

const file = (backend: string) => `
receivers:
  otlp: {protocols: {grpc: {endpoint: 127.0.0.1:0}}}
  syslog: {tcp: {listen_address: 127.0.0.1:0}}
exporters:
  otlp:
    endpoint: ${backend}
    tls: {insecure: true}
    retry_on_failure: {initial_interval: 50ms, max_interval: 200ms, max_elapsed_time: 0}
service: {pipelines: {logs: {receivers: [otlp, syslog], exporters: [otlp]}}}
`

const openFiles = (agent: Role) => readdirSync(`/proc/${agent.pid}/fd`).length
/** From now on the process may have so many files and sockets open. */
const allow = (agent: Role, files: number) =>
  void execFileSync('prlimit', ['--pid', String(agent.pid), `--nofile=${files}:`])

test('without file descriptors the process goes on with what it has, says so, and lets others in when there are some', async () => {
  const { sink, seen } = await startCounter()
  const folder = newFolder()
  writeFiles(folder, { 'agent.yaml': file(sink.address) })
  const agent = startProcess(['run', `${folder}/agent.yaml`])
  const load = newLineSenders({ senders: 1, perRequest: 10 })
  load.to(await otlpAddress(agent))
  const [, host, port] = await agent.line(/^\[syslog\] listening for syslog by TCP address=(\S+):(\d+)$/)
  await agent.line(/^ready: everything is running/)
  await until('lines arrive', () => seen.size > 100)
  allow(agent, openFiles(agent) + 4)
  const sockets: Socket[] = []
  let cut = 0
  const knock = () => {
    const socket = connect(Number(port), host)
    onTestFinished(() => void socket.destroy())
    socket.on('error', () => {}).on('close', () => void cut++)
    sockets.push(socket)
  }
  for (let i = 0; i < 40; i++) knock()
  await until('some are turned away', () => cut >= 30)
  const before = seen.size
  await until('who was there goes on', () => seen.size > before + 100)
  for (const socket of sockets) socket.destroy()
  await until('they are gone', () => cut >= sockets.length)
  const late = newLineSenders({ senders: 1, from: 10_000_000 })
  late.to(await otlpAddress(agent))
  await until('others are let in', () => seen.has(10_000_000))
  await late.stop()
  await load.stop()
  await until('all has arrived', () => load.missing(seen).length === 0)
  // A line for each receiver at most: the other one may be given one of the last while the sockets here are still being closed.
  const said = agent.lines.flatMap((line) => /^\[(\w+)\] warn: hardly any file descriptor/.exec(line)?.[1] ?? [])
  expect(said).toContain('syslog')
  expect(new Set(said).size).toBe(said.length)
  expect(await agent.stop()).toMatchObject({ code: 0 })
})
