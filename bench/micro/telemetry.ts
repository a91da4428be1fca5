/**
 * Microseconds per record of the work that every v2 envelope causes: `node --conditions=tailrace-source
 * bench/micro/telemetry.ts`. Batches of 100 envelopes of about 417 bytes with ten tags; CPU time, median of 15 rounds.
 */

import { compileCondition, without } from '../../src/ottl/conditions.ts'
import counterTotals from '../../src/processors/counter-totals/index.ts'
import envelopeTags from '../../src/processors/envelope-tags/index.ts'
import type { Batch } from '../../src/telemetry/batch.ts'
import { EnvelopeGate } from '../../src/telemetry/envelope-gate.ts'
import { indexRecords } from '../../src/telemetry/index-records.ts'
import { mapOrigins } from '../../src/telemetry/origin-mapping.ts'
import { Row } from '../../src/telemetry/record-index.ts'
import { batchOf, typicalEnvelope } from '../../src/telemetry/testing/encode.ts'
import { processorHost } from '../../src/telemetry/testing/processor-host.ts'

const records = 100
const messageOf = (parts: (n: number) => Buffer) => batchOf(...Array.from({ length: records }, (_, n) => parts(n)))
const logs = messageOf((n) => typicalEnvelope(n))
const counters = messageOf((n) => typicalEnvelope(n, { counter: { name: `requests_${n}`, delta: n + 1 } }))
/** What a forwarder sees: six logs, two counters, two gauges of three metrics in ten. */
const mix = messageOf((n) => {
  if (n % 10 < 6) return typicalEnvelope(n)
  if (n % 10 < 8) return typicalEnvelope(n, { counter: { name: `requests_${n}`, delta: n + 1 } })
  return typicalEnvelope(n, { gauge: { cpu: n / 7, memory: n * 1024, disk: n * 4096 } })
})

const { host } = processorHost('bench')
type Process = (batch: Batch) => Batch
const format = 'envelopes'
const newTags = (tags: Record<string, string>) =>
  envelopeTags.create({ config: envelopeTags.config.parse({ tags }) as never, host, format }) as Process
const missing = newTags({ deployment: 'cf', job: 'diego-cell', index: '0', ip: '10.0.16.4', zone: 'z1' })
const { process: totals } = counterTotals.create({ config: { max_series: 10_000 }, host, format }) as {
  process: Process
}
const condition = compileCondition('kind == "log" and attributes["source_type"] == "RTR"', format)
const bySource = compileCondition('source_id == "some-other-app"', format)

const gate = new EnvelopeGate()
const arrive = (message: Buffer): Batch => {
  gate.addBatch(message, 0, message.length)
  return gate.take()!
}

/** The work of `envelope_tags` done with recorded edits: what a component without a writer of its own pays. */
const blob = Buffer.from('4a090a027a6f12037a3131', 'hex')
function withEdits(batch: Batch): Batch {
  const edits = batch.edit()
  const { rows } = batch.index()
  for (let i = 0; i < batch.count; i++) {
    const row = batch.rowAt(i)
    const end = rows[row + Row.end]!
    edits.replace(end, end, blob, edits.within(rows[row + Row.start]!, end))
  }
  return batch.with(edits)
}

const arrived = arrive(logs)
const arrivedCounters = arrive(counters)
const cases: Record<string, () => unknown> = {
  'gate, logs': () => arrive(logs),
  'gate, mix': () => arrive(mix),
  'index again': () => indexRecords(format, arrived.buffer, 5, 5 + logs.length),
  'tags, two of five missing': () => missing(arrived).bytes(),
  'an append by edits': () => withEdits(arrived).bytes(),
  'totals, all counters': () => totals(arrivedCounters).bytes(),
  'where, by tag': () => without(arrived, condition),
  'where, by source id': () => without(arrived, bySource),
  'gate, origins, tags, totals, message: mix': () => totals(missing(mapOrigins(arrive(mix)).batch)).grpcMessage(),
}

let sink: unknown
/** Time on a core, not on the clock: what else runs on the machine counts less. Collecting garbage is included. */
function userAndSystem(started: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(started)
  return user + system
}
console.log(`${records} records of ${Math.round(logs.length / records)} bytes`)
for (const [name, run] of Object.entries(cases)) {
  const rounds: number[] = []
  for (let round = 0; round < 20; round++) {
    const times = 400
    const started = process.cpuUsage()
    for (let i = 0; i < times; i++) sink = run()
    if (round >= 5) rounds.push(userAndSystem(started) / times / records)
  }
  rounds.sort((a, b) => a - b)
  console.log(`${name.padEnd(44)} ${rounds[7]!.toFixed(3)} us  (best ${rounds[0]!.toFixed(3)})`)
}
if (sink === undefined) process.exitCode = 1
