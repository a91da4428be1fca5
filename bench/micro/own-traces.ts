/**
 * Cost of `service.telemetry.traces`: of asking whether a batch is traced, and of a trace of four spans up to the place where
 * the SDK keeps it for its next export. Run: node --conditions=tailrace-source bench/micro/own-traces.ts
 */

import { BatchSpanProcessor, InMemorySpanExporter } from '@opentelemetry/sdk-trace'
import { object } from '../../src/config/fields.ts'
import { Budget } from '../../src/delivery/budget.ts'
import { type DeliveryConfig, deliveryFields } from '../../src/delivery/fields.ts'
import { Account, Ledger } from '../../src/delivery/ledger.ts'
import { queued } from '../../src/delivery/queued.ts'
import { sent } from '../../src/delivery/sender.ts'
import { BatchSampler } from '../../src/engine/batch-sampler.ts'
import { ProcessorNode } from '../../src/engine/nodes.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { Metrics } from '../../src/runtime/metrics.ts'
import type { SamplerPlan } from '../../src/runtime/otel-sampler.ts'
import { tracesTo } from '../../src/runtime/otel-traces.ts'
import { Batch } from '../../src/telemetry/batch.ts'

const batch = Batch.copyOf('envelopes', Buffer.from([0x0a, 0x03, 0x12, 0x01, 0x61]))
const receiver = new Account('receiver', 'otlp', {})

function samplerWith(plan: SamplerPlan, maxPerSecond: number): BatchSampler {
  const exporter = new InMemorySpanExporter()
  const { tracer } = tracesTo([new BatchSpanProcessor({ exporter })], { sampler: plan, readsParents: false })
  return new BatchSampler({ tracer, clock: systemClock, metrics: new Metrics(), maxPerSecond })
}

function consumer() {
  const ledger = new Ledger()
  const account = (labels = {}) => ledger.open('queue', 'otlp', labels)
  const budget = new Budget('bench')
  const host = { id: 'otlp', log: silentLog, clock: systemClock, budget, readsOrigins: false, account }
  const config = object(deliveryFields({ linger: 0, timeout: 0 })).parse({}) as DeliveryConfig
  const exporter = queued(config, host, { send: (batch) => sent(batch.count), close() {} })
  void exporter.start()
  return new ProcessorNode(
    (batch) => batch,
    new Account('processor', 'p', { pipeline: 'logs' }),
    exporter,
    () => {},
  )
}

async function measure(what: string, turns: number, once: () => void): Promise<void> {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 10; round++) {
    const { user, system } = process.cpuUsage()
    for (let i = 0; i < turns; i++) once()
    const used = process.cpuUsage()
    best = Math.min(best, used.user + used.system - user - system)
    await new Promise((resolve) => setImmediate(resolve))
  }
  console.log(`${what.padEnd(60)} ${(best / turns).toFixed(3)} µs per batch`)
}

const next = consumer()
await measure('no traces', 200_000, () => next.consume(batch.withReceipts([])))
const flooded = samplerWith({ kind: 'always_on' }, 10)
await measure('all sampled, 10 a second, flat out', 200_000, () =>
  next.consume(flooded.follow(batch.withReceipts([]), receiver)),
)
const rare = samplerWith({ kind: 'trace_id_ratio_based', ratio: 0.0001 }, 10)
await measure('one in 10,000 sampled, flat out', 200_000, () =>
  next.consume(rare.follow(batch.withReceipts([]), receiver)),
)
const all = samplerWith({ kind: 'always_on' }, 1e9)
await measure('every batch a trace of four spans', 5000, () =>
  next.consume(all.follow(batch.withReceipts([]), receiver)),
)
