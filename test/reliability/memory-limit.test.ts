import { readFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { Batch } from '../../src/telemetry/batch.ts'
import { newFolder, writeFiles } from '../support/folder.ts'
import { freePort } from '../support/free-port.ts'
import { type FullSpeed, sendAtFullSpeed } from '../support/full-speed.ts'
import { accountsOf, faultsOf } from '../support/ledger-page.ts'
import { type Page, parsePage } from '../support/page.ts'
import { pause, startProcess, until } from '../support/role.ts'
import { otlpPaths, startSink } from '../support/sinks.ts'

/** The figures of docs/reliability.md: `LOAD_SECONDS=600 npx vitest run --project reliability test/reliability/memory-limit.test.ts`. */
const seconds = Number(process.env.LOAD_SECONDS ?? 10)
const limitMiB = 64
/**
 * What the process may use beside its limit and what it has when nothing comes: buffers that were let go of and wait to be
 * collected (Node collects after 64 MiB of them) and the code that load makes.
 */
const baseMiB = 112

const retry = 'retry_on_failure: {max_elapsed_time: 0, max_interval: 500ms}'
const file = (dead: number, silent: number, page: number) => `
receivers:
  otlp:
    protocols:
      grpc: {endpoint: 127.0.0.1:0}
      http: {endpoint: 127.0.0.1:0}
  syslog: {tcp: {listen_address: 127.0.0.1:0}, enable_octet_counting: true}
exporters:
  otlp/dead: {endpoint: 127.0.0.1:${dead}, tls: {insecure: true}, ${retry}}
  otlp/silent: {endpoint: 127.0.0.1:${silent}, tls: {insecure: true}, timeout: 2s, ${retry}}
extensions:
  metrics_endpoint: {endpoint: 127.0.0.1:${page}}
service:
  memory_limit: ${limitMiB}MiB
  extensions: [metrics_endpoint]
  pipelines: {logs: {receivers: [otlp, syslog], exporters: [otlp/dead, otlp/silent]}}
`

/** The highest resident set since it was asked last, in MiB, read every 20 ms. */
function watchResident(pid: number): () => number {
  let most = 0
  const read = () => {
    // A process that has just ended has none.
    const [, kibibytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    most = Math.max(most, Number(kibibytes ?? 0) / 1024)
  }
  const timer = setInterval(read, 20)
  onTestFinished(() => clearInterval(timer))
  return () => {
    read()
    const sinceThen = most
    most = 0
    return sinceThen
  }
}

/** A backend that counts records. It takes requests and answers none, until it is told to. */
async function startBackend(port = 0, mayAnswer = true) {
  const state = { records: 0, mayAnswer }
  const answer = async ({ bytes }: { bytes: Buffer }) => {
    while (!state.mayAnswer) await pause(20)
    state.records += Batch.copyOf('logs', bytes).count
    return Buffer.alloc(0)
  }
  const sink = await startSink({ name: 'none', plaintext: true, port, unaries: [otlpPaths.logs], answer })
  // Nobody reads what it keeps.
  const timer = setInterval(() => sink.received.splice(0), 20)
  onTestFinished(() => clearInterval(timer))
  return { port: sink.port, state }
}

async function start() {
  const [dead, page] = [await freePort(), await freePort()]
  const silent = await startBackend(0, false)
  const folder = newFolder()
  writeFiles(folder, { 'agent.yaml': file(dead, silent.port, page) })
  const agent = startProcess(['run', `${folder}/agent.yaml`])
  const doors = {
    grpc: await agent.address(/^\[otlp\] listening for OTLP over grpc address=(\S+)$/),
    http: await agent.address(/^\[otlp\] listening for OTLP over http address=(\S+)$/),
    syslog: await agent.address(/^\[syslog\] listening for syslog by TCP address=(\S+)$/),
  }
  await agent.line(/^ready: everything is running/)
  const pageNow = async () => parsePage(await (await fetch(`http://127.0.0.1:${page}/metrics`)).text())
  return { agent, dead, silent, doors, pageNow, resident: watchResident(agent.pid) }
}

const settled = (page: Page) => page.sum('tailrace_held_records') === 0

/** Nobody was told anything but `taken` and `come again later`; a few requests by HTTP/1 met a connection that closed. */
function checkAnswers({ grpc, http, syslog }: FullSpeed): void {
  for (const { other } of [grpc, syslog]) expect([...other]).toEqual([])
  for (const { refused } of [grpc, http]) expect(refused).toBeGreaterThan(0)
  const closed = [...http.other].filter(([what]) => /ECONNRESET|socket hang up/.test(what))
  expect([...http.other]).toEqual(closed)
  expect(closed.reduce((sum, [, times]) => sum + times, 0)).toBeLessThan(10 + http.refused / 1000)
}

test('with dead backends and senders at full speed memory stays within its limit, and nothing that was taken is lost', {
  timeout: 300_000 + seconds * 1000,
}, async () => {
  const { agent, dead, silent, doors, pageNow, resident } = await start()
  const idle = resident()
  const load = sendAtFullSpeed(doors)
  let most = 0
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    await pause(1000)
    most = Math.max(most, resident())
    expect(most).toBeLessThan(idle + limitMiB + baseMiB)
    expect(faultsOf(await pageNow())).toEqual([])
  }
  checkAnswers(load)
  const held = (await pageNow()).sum('tailrace_held_records', 'id="otlp/dead"')
  const writtenDead = load.syslog.taken
  // The backends come back, and the senders do not rest.
  const began = performance.now()
  const back = await startBackend(dead)
  silent.state.mayAnswer = true
  await until('the queues are sent', () => back.state.records >= held && silent.state.records >= held)
  const backMs = performance.now() - began
  await until('senders are let in again', () => load.syslog.taken > writtenDead)
  most = Math.max(most, resident())
  expect(most).toBeLessThan(idle + limitMiB + baseMiB)
  await load.stop()
  await until('all is sent', async () => settled(await pageNow()))
  const page = await pageNow()
  expect(faultsOf(page)).toEqual([])
  const taken = page.sum('tailrace_receiver_records_total', 'fate="taken"')
  for (const { name, fates, dropped } of accountsOf(page).filter(({ kind }) => kind === 'queue')) {
    if (!name.includes('signal="logs"')) continue
    expect({ name, received: fates.received, sent: fates.sent, dropped }).toEqual({
      name,
      received: taken,
      sent: taken,
      dropped: 0,
    })
  }
  // A request that was not answered in time came twice.
  for (const { records } of [back.state, silent.state]) expect(records).toBeGreaterThanOrEqual(taken)
  expect(load.grpc.taken + load.http.taken).toBeLessThanOrEqual(
    page.sum('tailrace_receiver_records_total', 'id="otlp"', 'fate="taken"'),
  )
  const figures = [
    `${seconds} s: ${Math.round(idle)} MiB idle, at most ${Math.round(most)} MiB`,
    `${held} records held; refused ${load.grpc.refused} requests by gRPC, ${load.http.refused} by HTTP`,
    `all sent ${(backMs / 1000).toFixed(1)} s after the backends were back`,
  ]
  process.stdout.write(`${figures.join('; ')}\n`)
  expect(await agent.stop()).toMatchObject({ code: 0 })
})
