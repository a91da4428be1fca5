/**
 * Cost of one queue with its sender, the send itself left out: batches of 100 records and single records, into three
 * destinations. Run: node --conditions=tailrace-source bench/micro/delivery.ts
 */

import { object } from '../../src/config/fields.ts'
import { Budget } from '../../src/delivery/budget.ts'
import { toAll } from '../../src/delivery/fan-out.ts'
import { type DeliveryConfig, type DeliveryDefaults, deliveryFields } from '../../src/delivery/fields.ts'
import { Ledger } from '../../src/delivery/ledger.ts'
import { type Queued, queued } from '../../src/delivery/queued.ts'
import { sent } from '../../src/delivery/sender.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { Batch } from '../../src/telemetry/batch.ts'

const destinations = 3
const ledger = new Ledger()
const budget = new Budget('service', 1 << 30).child('group', 1 << 29)
let records = 0

function destination(name: string, defaults: DeliveryDefaults, stuck: boolean): Queued {
  const config = object(deliveryFields(defaults)).parse({}) as DeliveryConfig
  const account = (labels = {}) => ledger.open('queue', name, labels)
  const host = { id: name, log: silentLog, clock: systemClock, budget, readsOrigins: false, account }
  return queued(config, host, {
    send(batch) {
      if (stuck) return new Promise(() => {})
      records += batch.count
      return sent(batch.count)
    },
    close() {},
  })
}

/** `count` v2 log envelopes of 400 bytes. */
function batchOf(count: number): Batch {
  const body = Buffer.alloc(400, 0x61)
  const source = Buffer.from([0x12, 36])
  source.copy(body)
  // A log message of 359 bytes whose payload has 356.
  Buffer.from([0x22, 0xe7, 0x02, 0x0a, 0xe4, 0x02]).copy(body, 38)
  body.fill(0x61, 44)
  const frame = Buffer.concat([Buffer.from([0x0a, 0x90, 0x03]), body])
  return Batch.copyOf('envelopes', Buffer.concat(Array.from({ length: count }, () => frame)))
}

interface Case extends DeliveryDefaults {
  /** Batches a second; absent: flat out. */
  rate?: number
  /** The peer never answers. */
  stuck?: boolean
}

async function measure(what: string, batchRecords: number, { rate, stuck = false, ...defaults }: Case): Promise<void> {
  const all = Array.from({ length: destinations }, (_, i) =>
    destination(`${what} ${i}`, { when_full: 'drop_oldest', timeout: 0, ...defaults }, stuck),
  )
  await Promise.all(all.map((each) => each.start()))
  const batch = batchOf(batchRecords)
  const rounds = rate ? 5 : 15
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    const micros = rate ? await paced(all, batch, rate) : flatOut(all, batch)
    best = Math.min(best, micros)
  }
  await Promise.all(all.map((each) => each.stop(AbortSignal.abort())))
  console.log(`${what.padEnd(52)} ${best.toFixed(2)} µs per batch and destination`)
}

/** A fresh batch object each time, as receivers make them, but over the same bytes. */
const fresh = (batch: Batch) => batch.withReceipts(batch.receipts)

function flatOut(all: Queued[], batch: Batch): number {
  const turns = 20_000
  const begin = process.cpuUsage()
  for (let i = 0; i < turns; i++) toAll(all, fresh(batch))
  return cpuSince(begin) / turns / destinations
}

/** `rate` batches a second for a second, as timers bring them; the CPU of the whole process, timers included. */
async function paced(all: Queued[], batch: Batch, rate: number): Promise<number> {
  const start = performance.now()
  const begin = process.cpuUsage()
  let done = 0
  while (done < rate) {
    await new Promise((resolve) => setImmediate(resolve))
    const due = Math.min(rate, ((performance.now() - start) / 1000) * rate)
    for (; done < due; done++) toAll(all, fresh(batch))
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return cpuSince(begin) / rate / destinations
}

function cpuSince(begin: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(begin)
  return user + system
}

await measure('100 records, linger 0, flat out', 100, { linger: 0 })
await measure('100 records, joined to 1,000, flat out', 100, {})
await measure('1 record, linger 0, flat out', 1, { linger: 0 })
await measure('1 record, linger 2 ms, 20,000 a second', 1, { rate: 20_000 })
await measure('100 records, peer stuck, full, oldest displaced', 100, { stuck: true })
await measure('1 record, peer stuck, full, oldest displaced', 1, { stuck: true })
console.log(`${records} records`)
