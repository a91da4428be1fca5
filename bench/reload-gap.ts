/**
 * How long a reload that changes one exporter holds up another: `node --single-threaded-gc --max-semi-space-size=1
 * --conditions=tailrace-source bench/reload-gap.ts` (the flags shorten the pauses of this process).
 * 100,000 envelopes a second go through one agent to two destinations; the exporter of the second is changed again and
 * again by SIGHUP. Printed is the longest time between two messages at the first, and how late messages come, while
 * nothing happens and around the reloads.
 */

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { newGrpcClient } from '../src/net/grpc-client.ts'
import { newGrpcServer } from '../src/net/grpc-server.ts'
import { clientStream } from '../src/net/grpc-types.ts'
import { silentLog } from '../src/runtime/log.ts'
import { calibrate } from './calibration.ts'
import { nowNanos, stamp } from './driver/message.ts'
import { envelopeFrames } from './driver/payload.ts'
import { pinned, pinning } from './pinned.ts'

const perSecond = 100_000
const perBatch = 100
const seconds = Number(process.env.SECONDS ?? 30)
const everyMs = 2000
/** A reload is to blame for what happens this long after its signal. */
const aroundMs = 1000

const method = '/loggregator.v2.Ingress/BatchSender'
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** When messages came and how old they were, in milliseconds. */
interface Arrival {
  readonly at: number
  readonly late: number
}

async function openSink() {
  const arrivals: Arrival[] = []
  const server = newGrpcServer({
    endpoint: { host: '127.0.0.1', port: 0 },
    log: silentLog,
    maxMessageBytes: 10 << 20,
    methods: {
      [method]: clientStream(() => ({
        message: (bytes, start) => void arrivals.push({ at: performance.now(), late: ageOf(bytes, start) }),
      })),
    },
  })
  const { port } = await server.start()
  return { arrivals, address: `127.0.0.1:${port}`, stop: () => server.stop(AbortSignal.abort()) }
}

/** The age of the first envelope of a batch: its timestamp is its first field. */
function ageOf(bytes: Buffer, start: number): number {
  let at = start + 1
  while (bytes[at++]! > 127);
  let nanos = 0
  for (let i = 8; i >= 0; i--) nanos = nanos * 128 + (bytes[at + 1 + i]! & 127)
  return (nowNanos() - nanos) / 1e6
}

/** Sends at an even pace until it is stopped; answers the longest pause that it made itself. */
async function startLoad(address: string) {
  const client = newGrpcClient({ address, tls: undefined, serverName: undefined, log: silentLog })
  const stream = client.clientStream(method, { waitForReady: true })
  await stream.opened
  const frames = envelopeFrames('logs', perBatch, false)
  const started = performance.now()
  let sent = 0
  let last = started
  const pauses: { at: number; ms: number }[] = []
  const step = () => {
    const now = performance.now()
    if (now - last > 3) pauses.push({ at: now, ms: now - last })
    last = now
    const due = ((now - started) * perSecond) / 1000 / perBatch
    for (; sent < due; sent++) {
      const { bytes, stamps } = frames[sent % frames.length]!
      const time = nowNanos()
      const copy = Buffer.from(bytes)
      for (const place of stamps) stamp(copy, place, time)
      stream.write(copy, () => {})
    }
  }
  const timer = setInterval(step, 1)
  return {
    pauses,
    count: () => sent * perBatch,
    async stop() {
      clearInterval(timer)
      await client.close()
    },
  }
}

const folder = mkdtempSync(join(tmpdir(), 'tailrace-gap-'))
const file = join(folder, 'agent.yaml')
const [steady, moving] = [await openSink(), await openSink()]
const save = (round: number) =>
  writeFileSync(
    file,
    `receivers: {loggregator: {endpoint: '127.0.0.1:0'}}
exporters:
  loggregator: {endpoint: '${steady.address}'}
  loggregator/moving: {endpoint: '${moving.address}', max_batch_records: ${1000 + round}}
service: {pipelines: {envelopes: {receivers: [loggregator], exporters: [loggregator, loggregator/moving]}}}
`,
  )
save(0)
const [command, args] = pinned(0, 'bin/tailrace', ['run', file])
const agent = spawn(command, args, {
  cwd: new URL('..', import.meta.url).pathname,
  stdio: ['ignore', 'ignore', 'pipe'],
})
const lines: string[] = []
createInterface({ input: agent.stderr }).on('line', (line) => void lines.push(line))
const said = async (pattern: RegExp, times = 1) => {
  for (;;) {
    const found = lines.filter((line) => pattern.test(line))
    if (found.length >= times) return pattern.exec(found.at(-1)!)!
    await pause(5)
  }
}

const address = (await said(/grpc bound to: (\S+)/))[1]!
await said(/ready: everything is running/)
const calibration = calibrate()
const load = await startLoad(address)
await pause(3000)
const quietFrom = performance.now()
await pause((seconds * 1000) / 3)
const quietTo = performance.now()
const reloads: number[] = []
while (performance.now() < quietTo + (seconds * 2000) / 3) {
  save(reloads.length + 1)
  reloads.push(performance.now())
  agent.kill('SIGHUP')
  await said(/reloaded changed="exporter loggregator\/moving"/, reloads.length)
  await pause(Math.max(0, reloads.at(-1)! + everyMs - performance.now()))
}
const count = load.count()
await load.stop()
await pause(500)
agent.kill('SIGTERM')
await said(/draining/)

const figures = (name: string, within: (at: number) => boolean) => {
  const { arrivals } = steady
  const gaps = arrivals.slice(1).flatMap(({ at }, i) => (within(at) ? [at - arrivals[i]!.at] : []))
  const late = arrivals.flatMap((one) => (within(one.at) ? [one.late] : [])).sort((a, b) => a - b)
  const own = load.pauses.filter(({ at }) => within(at)).map(({ ms }) => ms)
  const at = (share: number) => (late[Math.floor(late.length * share)] ?? 0).toFixed(1)
  const most = (all: readonly number[]) => all.reduce((a, b) => Math.max(a, b), 0).toFixed(1)
  console.log(
    `${name}: longest gap ${most(gaps)} ms (sender's own longest pause ${most(own)} ms); late by ${at(0.5)} ms at the median, ` +
      `${at(0.99)} at 99 %, ${at(0.9999)} at most but one in 10,000, ${most(late)} at most`,
  )
}
const took = lines.flatMap((line) => /took="(\d+) ms"/.exec(line)?.[1] ?? []).map(Number)
console.log(
  `${count} records sent, ${Math.round(count / ((performance.now() - quietFrom) / 1000))}/s; calibration ${calibration}; ${pinning}`,
)
console.log(`${reloads.length} reloads, ${Math.min(...took)} to ${Math.max(...took)} ms from the signal to the change`)
figures('nothing happens', (at) => at > quietFrom && at < quietTo)
const [first = 0, ...later] = reloads
const after = (times: readonly number[]) => (at: number) => times.some((time) => at >= time && at < time + aroundMs)
figures('around the first reload', after([first]))
figures('around the others', after(later))
await steady.stop()
await moving.stop()
rmSync(folder, { recursive: true, force: true })
process.exit(0)
