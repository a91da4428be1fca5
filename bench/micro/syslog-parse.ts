/**
 * `node --conditions=tailrace-source bench/micro/syslog-parse.ts`: microseconds per message of 431 bytes from a chunk of
 * 64 KiB to records in slab space, ready to be offered.
 */

import { EnvelopeSink } from '../../src/receivers/syslog/envelope-sink.ts'
import { LogSink } from '../../src/receivers/syslog/log-sink.ts'
import { Framer, type FramingOptions } from '../../src/wire/syslog/parse/framing.ts'
import { SyslogMessage } from '../../src/wire/syslog/parse/message.ts'
import { parse5424 } from '../../src/wire/syslog/parse/parse-5424.ts'
import { parseLoose } from '../../src/wire/syslog/parse/parse-loose.ts'
import { newZone } from '../../src/wire/syslog/parse/time-zone.ts'

const head =
  '<14>1 2026-11-21T05:33:42.123456+00:00 retail.production.orders f47ac10b-58cc-4372-a567-0e02b2c3d479 [APP/PROC/WEB/2] - '
const tags =
  '[tags@47450 app_id="f47ac10b-58cc-4372-a567-0e02b2c3d479" app_name="orders" deployment="cf" index="6b8b4567" job="diego-cell" origin="rep" source_type="APP/PROC/WEB" space_name="production"] '
const text = 'GET /orders/17 200 12ms user=42 trace=abcdef '.repeat(6)
const line = `${(head + tags + text).slice(0, 430)}\n`
const bsd = `${`<14>Nov 21 05:33:42 web-01 nginx[2311]: ${text.repeat(2)}`.slice(0, 430)}\n`

const chunkSize = 64 << 10
const rounds = 40
const chunksPerRound = 50

function chunks(frame: string): Buffer[] {
  const all = Buffer.from(frame.repeat(chunksPerRound * 160))
  return Array.from({ length: chunksPerRound }, (_, i) => all.subarray(i * chunkSize, (i + 1) * chunkSize))
}

const message = new SyslogMessage()
const now = { lo: 1, hi: 400_000_000 }
const none = Buffer.alloc(0)
const context = { zone: newZone('UTC'), nowSeconds: 1_795_240_000, noHost: false }
type Take = (b: Buffer, start: number, end: number) => void

function time(name: string, frame: string, options: FramingOptions, take: Take, endTurn: () => void): void {
  const all = chunks(frame)
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    let count = 0
    const framer = new Framer(options, {
      frame(b, start, end) {
        count++
        take(b, start, end)
        return true
      },
      fault: (reason) => console.error(reason),
      held: () => {},
    })
    const from = process.cpuUsage()
    for (const chunk of all) {
      framer.feed(chunk)
      endTurn()
    }
    const { user, system } = process.cpuUsage(from)
    best = Math.min(best, (user + system) / count)
  }
  console.log(`${name.padEnd(46)} ${best.toFixed(3)} us/message`)
}

const counted: FramingOptions = { kind: 'counted', strict: true, trailer: 0x0a, maxBytes: 66_560 }
const auto: FramingOptions = { kind: 'auto', strict: false, trailer: 0x0a, maxBytes: 66_560 }
const frame = `${line.length} ${line}`
const envelopes = new EnvelopeSink({ strict: true, trim: true })
const loose = new EnvelopeSink({ strict: false, trim: false })
const logs = new LogSink({ body: 'original', resource: none })
const short = new LogSink({ body: 'message', resource: none })

time(
  'framing, counted',
  frame,
  counted,
  () => {},
  () => {},
)
time(
  'framing, lines',
  line,
  auto,
  () => {},
  () => {},
)
time(
  'framing + strict parse',
  frame,
  counted,
  (b, s, e) => void parse5424(b, s, e, message),
  () => {},
)
time(
  'framing + loose parse',
  frame,
  auto,
  (b, s, e) => void parseLoose(b, s, e, message, 'auto', context),
  () => {},
)
time(
  'strict to envelope',
  frame,
  counted,
  (b, s, e) => {
    parse5424(b, s, e, message)
    envelopes.add(b, message, now, none, undefined)
  },
  () => void envelopes.take(),
)
for (const [name, text, options] of [
  ['RFC 5424, counted', frame, auto],
  ['RFC 5424, lines', line, auto],
  ['RFC 3164, lines', bsd, auto],
] as const) {
  time(
    `${name}: lenient to envelope`,
    text,
    options,
    (b, s, e) => {
      parseLoose(b, s, e, message, 'auto', context)
      loose.add(b, message, now, none, undefined)
    },
    () => void loose.take(),
  )
  for (const [form, sink] of [
    ['log', logs],
    ['log, body: message', short],
  ] as const)
    time(
      `${name}: lenient to ${form}`,
      text,
      options,
      (b, s, e) => {
        parseLoose(b, s, e, message, 'auto', context)
        sink.add(b, message, true, now, none, undefined)
      },
      () => void sink.take(),
    )
}
