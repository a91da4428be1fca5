/**
 * Microseconds per envelope of the syslog frames: `node --conditions=tailrace-source bench/micro/syslog-frames.ts`.
 * Envelopes of 417 bytes with ten tags and 120 bytes of text, 50 apps; `shuffled`: each has its tags in an order of its
 * own, as Go clients write them. CPU time, best of 15 rounds.
 */

import { rowsOf } from '../../src/wire/convert/rows.ts'
import { GrowingSink } from '../../src/wire/syslog/frame-sink.ts'
import { newFrameForm } from '../../src/wire/syslog/from-envelope/frame-form.ts'
import { FrameWriter } from '../../src/wire/syslog/from-envelope/frame-writer.ts'
import { encodeEnvelope, frameRecords, type Message } from '../../test/support/decode.ts'
import { calibrate } from '../calibration.ts'

const apps = 50
const records = 2000
/** More different tag sets than are kept. */
const unique = 20_000
const rounds = 15
const goes = 5

const guid = (n: number) => `${(0x8d1f9a52 + n * 7919).toString(16)}-6f0b-4d6c-9d5e-2f8a1b3c${(4096 + n).toString(16)}`
const tagsOf = (app: number): [string, string][] => [
  ['app_id', guid(app)],
  ['app_name', `orders-${app}`],
  ['space_name', 'production'],
  ['organization_name', 'retail'],
  ['process_type', 'web'],
  ['source_type', 'APP/PROC/WEB'],
  ['origin', 'rep'],
  ['deployment', 'cf'],
  ['job', 'diego-cell'],
  ['index', '17'],
]

function shuffled<T>(items: T[]): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const other = Math.floor(Math.random() * (i + 1))
    ;[items[i], items[other]] = [items[other]!, items[i]!]
  }
  return items
}

const payload = Buffer.from('GET /orders/17 HTTP/1.1 200 12ms user=42 trace=abcdef0123456789 '.repeat(2).slice(0, 120))

function load(
  order: (tags: [string, string][]) => [string, string][],
  message: (n: number) => Message,
  count = records,
) {
  const envelopes = Array.from({ length: count }, (_, n) => {
    const app = Math.floor(n / 3) % apps
    return encodeEnvelope({
      timestamp: 1760000000000000000n + BigInt(n) * 1_234_567n,
      source_id: guid(app),
      instance_id: String(app % 8),
      tags: Object.fromEntries(order(tagsOf(app))),
      ...message(n),
    })
  })
  const bytes = frameRecords(envelopes)
  return { rows: rowsOf(bytes), size: Math.round(bytes.length / count) }
}

const log = () => ({ log: { payload } })
const steady = load((tags) => tags, log)
const mixed = load(shuffled, log)
const counters = load(shuffled, (n) => ({ counter: { name: 'requests', delta: 1n, total: BigInt(n) } }))
const gauges = load(shuffled, (n) => ({ gauge: { metrics: { cpu: { unit: 'percentage', value: n / 8 } } } }))
const fresh = load((tags) => shuffled([...tags.slice(1), ['request_id', Math.random().toString(36)]]), log, unique)

const form = newFrameForm({ hostname: 'retail.production.orders', metadata: true })
const bare = newFrameForm({ hostname: 'retail.production.orders', metadata: false })
const others = Array.from({ length: 2 }, (_, n) => newFrameForm({ hostname: `h${n}`, metadata: true }))
const sinks = [new GrowingSink(1 << 20), new GrowingSink(1 << 20), new GrowingSink(1 << 20)]
let written = 0

function time(name: string, { rows, size }: typeof steady, each: (writer: FrameWriter) => void): void {
  const writer = new FrameWriter()
  const { bytes, spans, count } = rows
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage()
    for (let go = 0; go < goes; go++) {
      for (const sink of sinks) sink.end = 0
      for (let i = 0; i < count; i++) {
        writer.look(source, spans[i * 2]!, spans[i * 2 + 1]!)
        each(writer)
      }
      written += sinks[0]!.end
    }
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, (user + system) / goes / count)
  }
  console.log(`${name.padEnd(44)} ${best.toFixed(3)} µs/envelope of ${size} bytes`)
}

const one = (writer: FrameWriter) => void writer.write(form, sinks[0]!)
const before = calibrate()
time('log, tags in one order', steady, one)
time('log, tags shuffled', mixed, one)
time('log, tags shuffled, no metadata', mixed, (writer) => void writer.write(bare, sinks[0]!))
time('log, tags shuffled, log type asked', mixed, (writer) => {
  if (writer.logType() === 'APP') writer.write(form, sinks[0]!)
})
time('log, tags shuffled, three drains', mixed, (writer) => {
  writer.write(form, sinks[0]!)
  writer.write(others[0]!, sinks[1]!)
  writer.write(others[1]!, sinks[2]!)
})
time('log, looked at only', mixed, () => {})
time('log, a tag that never repeats', fresh, one)
time('counter, tags shuffled', counters, one)
time('gauge of one metric, tags shuffled', gauges, one)
console.log(`calibration ${Math.round((before + calibrate()) / 2)}; ${Math.round(written / 1e6)} MB written`)
