/**
 * `node --conditions=tailrace-source bench/micro/syslog-render.ts`: microseconds per message of 431 bytes from a batch in
 * slab space to bytes that go to a socket, and from socket to socket without the sockets. CPU time, best of 15 rounds.
 */

import { BatchMessages } from '../../src/exporters/syslog/batch-messages.ts'
import { config } from '../../src/exporters/syslog/config.ts'
import { LogSink } from '../../src/receivers/syslog/log-sink.ts'
import { Batch } from '../../src/telemetry/batch.ts'
import { GrowingSink } from '../../src/wire/syslog/frame-sink.ts'
import { Framer } from '../../src/wire/syslog/parse/framing.ts'
import { SyslogMessage } from '../../src/wire/syslog/parse/message.ts'
import { parseLoose } from '../../src/wire/syslog/parse/parse-loose.ts'
import { newZone } from '../../src/wire/syslog/parse/time-zone.ts'
import { encodeOtlpLogs } from '../../test/support/decode.ts'
import { calibrate } from '../calibration.ts'

const messages = 1000
const rounds = 15
const goes = 20
const guid = (n: number) => `${(0x8d1f9a52 + n * 7919).toString(16)}-6f0b-4d6c-9d5e-2f8a1b3c${(4096 + n).toString(16)}`

function line(n: number): string {
  const app = n % 50
  const tags = `app_id="${guid(app)}" app_name="orders-${app}" deployment="cf" index="6b8b4567" job="diego-cell" origin="rep" source_type="APP/PROC/WEB" space_name="production"`
  const head = `<14>1 2026-11-21T05:33:42.${String(n).padStart(6, '0')}+00:00 retail.production.orders-${app} ${guid(app)} [APP/PROC/WEB/2] - [tags@47450 ${tags}] `
  return `${head}GET /orders/${n} 200 12ms user=42 trace=abcdef ${'0123456789'.repeat(20)}`.slice(0, 427)
}
const lines = Array.from({ length: messages }, (_, n) => line(n))
const frames = Buffer.from(lines.map((text) => `${text.length} ${text}`).join(''))

const context = { zone: newZone('UTC'), nowSeconds: 1_795_240_000, noHost: false }
const message = new SyslogMessage()
const now = { lo: 1, hi: 400_000_000 }
const none = Buffer.alloc(0)

/** What receiver `syslog` does with a chunk. */
function receive(body: 'original' | 'message'): () => Batch {
  const sink = new LogSink({ body, resource: none })
  const framer = new Framer(
    { kind: 'auto', strict: false, trailer: 0x0a, maxBytes: 66_560 },
    {
      frame(b, start, end) {
        parseLoose(b, start, end, message, 'auto', context)
        sink.add(b, message, true, now, none, undefined)
        return true
      },
      fault() {},
      held() {},
    },
  )
  return () => {
    framer.feed(frames)
    return sink.take()!
  }
}

const settings = (more: object) => config.parse({ endpoint: 'h', enable_octet_counting: true, ...more })
const out = new GrowingSink(1 << 20)
let written = 0

function time(name: string, each: () => void): void {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage()
    for (let go = 0; go < goes; go++) each()
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, (user + system) / goes / messages)
  }
  console.log(`${name.padEnd(48)} ${best.toFixed(3)} µs/message`)
}

function render(to: BatchMessages, batch: Batch): void {
  out.end = 0
  to.write(batch, 1_795_240_000_000, out)
  written += out.end
}

const before = calibrate()
for (const body of ['original', 'message'] as const) {
  const batch = receive(body)()
  for (const [form, more] of [
    ['counted', {}],
    ['lines', { enable_octet_counting: false }],
    ['RFC 3164', { protocol: 'rfc3164' }],
  ] as const) {
    const to = new BatchMessages(settings(more))
    time(`syslog logs, body: ${body}, ${form}`, () => render(to, batch))
  }
  const read = receive(body)
  const to = new BatchMessages(settings({}))
  time(`from chunk to chunk, body: ${body}`, () => render(to, read()))
}
const logRecords = lines.map((text, n) => ({
  timeUnixNano: 1_795_240_000_000_000_000n + BigInt(n) * 1_234_567n,
  severityNumber: 9,
  body: { stringValue: text.slice(-200) },
  attributes: [
    { key: 'http.method', value: { stringValue: 'GET' } },
    { key: 'http.status_code', value: { intValue: 200n } },
  ],
}))
const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'orders' } }] }
const others = Batch.copyOf('logs', encodeOtlpLogs({ resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] }))
const plain = new BatchMessages(settings({}))
time('logs of an SDK', () => render(plain, others))
const all = new BatchMessages(settings({ mapping: { all_attributes: true } }))
time('logs of an SDK, all attributes as an element', () => render(all, others))
console.log(`calibration ${Math.round((before + calibrate()) / 2)}; ${Math.round(written / 1e6)} MB written`)
