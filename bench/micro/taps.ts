/**
 * What it costs that records can be watched (src/engine/taps.ts): a batch of 100 records through three processors that
 * pass it on, without ports, with ports that nobody watches, and while somebody does.
 * Run: node --conditions=tailrace-source bench/micro/taps.ts
 */
import { startTap } from '../../src/admin/tap.ts'
import { Ledger } from '../../src/delivery/ledger.ts'
import { Port, ProcessorNode } from '../../src/engine/nodes.ts'
import { Taps } from '../../src/engine/taps.ts'
import type { Consumer } from '../../src/plugin.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { Batch } from '../../src/telemetry/batch.ts'

const line = Buffer.concat([
  Buffer.from([0x0a, 48, 0x12, 4]),
  Buffer.from('app1'),
  Buffer.from([0x22, 40, 0x0a, 38]),
  Buffer.alloc(38, 0x61),
])
const batch = Batch.copyOf('envelopes', Buffer.concat(Array.from({ length: 100 }, () => line)))
let records = 0
const sink: Consumer = {
  consume(batch) {
    records += batch.count
  },
}

function chain(taps: Taps | undefined): Consumer {
  const ledger = new Ledger()
  let next: Consumer = sink
  for (const id of ['c', 'b', 'a']) {
    const account = ledger.open('processor', id)
    if (!taps) {
      next = new ProcessorNode(
        (batch) => batch,
        account,
        next,
        () => {},
      )
      continue
    }
    const out = new Port(next)
    taps.watchable({ kind: 'processor', id, pipeline: 'logs' }, out)
    const entrance = new Port(
      new ProcessorNode(
        (batch) => batch,
        account,
        out,
        () => {},
      ),
    )
    taps.enters({ kind: 'processor', id, pipeline: 'logs' }, entrance)
    next = entrance
  }
  return next
}

function nanoseconds(head: Consumer, batches: number): number {
  const began = process.hrtime.bigint()
  for (let i = 0; i < batches; i++) head.consume(batch)
  return Number(process.hrtime.bigint() - began) / batches
}

const taps = new Taps()
const cases: { what: string; head: Consumer; batches: number; begin?: () => () => void }[] = [
  { what: 'no ports', head: chain(undefined), batches: 3_000_000 },
  { what: 'ports, nobody watches', head: chain(taps), batches: 3_000_000 },
]
const watched = chain(taps)
cases.push(
  {
    what: 'watched: tap b, 50 records/s',
    head: watched,
    batches: 300_000,
    begin: () => startTap({ id: 'b', rate: 50 }, { taps, clock: systemClock }, () => true).stop,
  },
  {
    what: 'watched: tap b with --grep that is nowhere',
    head: watched,
    batches: 30_000,
    begin: () => startTap({ id: 'b', rate: 50, grep: 'nowhere' }, { taps, clock: systemClock }, () => true).stop,
  },
  { what: 'measured: top', head: watched, batches: 300_000, begin: () => taps.meter().stop },
  { what: 'nobody watches any more', head: watched, batches: 3_000_000 },
)
for (const { what, head, batches, begin } of cases) {
  const end = begin?.()
  nanoseconds(head, batches / 10)
  const best = Math.min(...Array.from({ length: 7 }, () => nanoseconds(head, batches)))
  end?.()
  console.log(
    `${what.padEnd(44)} ${best.toFixed(1).padStart(8)} ns a batch ${(best / batch.count).toFixed(3).padStart(8)} ns a record`,
  )
}
if (records === 0) throw new Error('nothing arrived')
