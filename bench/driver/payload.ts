import { type Frame, joined, Message, varint9 } from './message.ts'

/**
 * What the load consists of. `logs`: log envelopes of 417 bytes with ten tags and 120 bytes of text, from 50 apps.
 * `spread`: the same from 1,000 apps. `hot`: the same, but every other one is from the first app.
 * `mixed`: 60 % logs, 20 % gauges of three, 10 % counters, 10 % timers with trace and span id, mean 406 bytes.
 */
export type Mix = 'logs' | 'spread' | 'hot' | 'mixed'
export const mixes: readonly Mix[] = ['logs', 'spread', 'hot', 'mixed']

type Kind = 'log' | 'gauge' | 'counter' | 'timer'

export const apps = 50
export const manyApps = 1000
const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0')
export const appGuid = (app: number): string =>
  `${hex(0xa11ce000 + app, 8)}-5c1f-4d5a-9b7e-${hex(0x7e57ab1e000 + app, 12)}`

const mixed: readonly Kind[] = ['log', 'log', 'log', 'gauge', 'log', 'counter', 'log', 'gauge', 'log', 'timer']
const kindOf = (mix: Mix, i: number): Kind => (mix === 'mixed' ? mixed[i % mixed.length]! : 'log')

const text = 'GET /api/v2/orders/8231 200 14ms user=4711 region=eu-central-1 cache=miss bytes=5120 '.padEnd(120, 'x')

/** One v2 envelope. The nine bytes of its timestamp begin at byte 1. */
function envelope(kind: Kind, app: number): Buffer {
  const guid = appGuid(app)
  const out = new Message().raw(1, 0, varint9(1)).text(2, guid).text(8, '0')
  const tags = tagsOf(guid)
  if (kind === 'timer') Object.assign(tags, requestTags)
  for (const [key, value] of Object.entries(tags)) out.message(9, new Message().text(1, key).text(2, value))
  return bodies[kind](out).bytes()
}

const tagsOf = (guid: string): Record<string, string> => ({
  organization_name: 'acme',
  organization_id: '0e1f',
  space_name: 'prod',
  space_id: '51e2',
  app_name: 'shop',
  app_id: guid,
  process_type: 'web',
  process_instance_id: '9a8b',
  instance_id: '0',
  origin: 'rep',
})

const requestTags = {
  peer_type: 'Server',
  uri: 'http://shop.example.com/api/v2/orders',
  status_code: '200',
  method: 'GET',
  span_id: 'deadbeefdeadbeef',
  trace_id: 'beefdeadbeefdeadbeefdeadbeefdead',
}

const gauges = [
  ['cpu', 'percentage', 12.5],
  ['memory', 'bytes', 268_435_456],
  ['disk', 'bytes', 134_217_728],
] as const

const bodies: Record<Kind, (out: Message) => Message> = {
  log: (out) => out.message(4, new Message().text(1, text)),
  counter: (out) => out.message(5, new Message().text(1, 'requests').varint(2, 3)),
  gauge: (out) => {
    const gauge = new Message()
    for (const [name, unit, value] of gauges) {
      const entry = new Message().text(1, name).message(2, new Message().text(1, unit).double(2, value))
      gauge.message(1, entry)
    }
    return out.message(6, gauge)
  },
  timer: (out) =>
    out.message(
      7,
      new Message()
        .text(1, 'http')
        .raw(2, 0, varint9(1.793e18))
        .raw(3, 0, varint9(1.793e18 + 14e6)),
    ),
}

/** RFC 5424 messages of about 430 bytes, octet-counted, ten parameters of structured data; the time stands behind `<14>1 `. */
export function syslogFrame(number: number): { bytes: Buffer; timeAt: number } {
  const app = (Math.imul(number, 2654435761) >>> 16) % apps
  const data = Object.entries(tagsOf(appGuid(app))).map(([key, value]) => `${key}="${value}"`)
  const head = `acme.prod.shop ${appGuid(app)} [APP/PROC/WEB/0] - [tags@47450 ${data.join(' ')}]`
  const message = Buffer.from(`<14>1 2026-08-14T10:20:30.123456Z ${head} ${text}`)
  const count = `${message.length} `
  return { bytes: Buffer.concat([Buffer.from(count), message]), timeAt: count.length + 6 }
}

/** `kinds` different messages, ready for a stream: EnvelopeBatches of `batch` envelopes, or bare envelopes. */
export function envelopeFrames(mix: Mix, batch: number, single: boolean, kinds = 128): Frame[] {
  let number = 0
  return Array.from({ length: kinds }, () => {
    const records = Array.from({ length: single ? 1 : batch }, () => {
      number++
      return envelope(kindOf(mix, number), appOf(mix, number))
    })
    return joined(records, single)
  })
}

/** A fixed scramble instead of a random number: every run sends the same. */
function appOf(mix: Mix, number: number): number {
  if (mix === 'hot') return number % 2 === 0 ? 0 : 1 + (((number - 1) / 2) % (apps - 1))
  if (mix === 'spread') return number % manyApps
  return (Math.imul(number, 2654435761) >>> 16) % apps
}

/** A v1 LogMessage of 370 bytes in an envelope with six tags: one datagram. */
export function v1Datagram(app: number): { bytes: Buffer; stampAt: number } {
  const guid = appGuid(app)
  const head = new Message().text(1, 'rep').varint(2, 5)
  const stampAt = head.bytes().length + 1
  head.raw(6, 0, varint9(1))
  const log = new Message().text(1, text).varint(2, 1).raw(3, 0, varint9(1.793e18))
  head.message(8, log.text(4, guid).text(5, 'APP/PROC/WEB').text(6, '0'))
  const tags = {
    source_id: guid,
    organization_name: 'acme',
    space_name: 'prod',
    app_name: 'shop',
    process_type: 'web',
    instance_id: '0',
  }
  for (const [key, value] of Object.entries(tags)) head.message(17, new Message().text(1, key).text(2, value))
  return { bytes: head.bytes(), stampAt }
}

/** Datagrams of `lines` StatsD lines, counters, gauges and timings by turns. */
export function statsdDatagrams(lines: number, count = 300): Buffer[] {
  let number = 0
  const line = () => {
    const name = number % 50
    const kinds = [
      `uaa.requests.global.completed.${name}:1|c`,
      `uaa.vitals.vm.memory.used.${name}:${1000 + number}|g`,
      `uaa.requests.global.time.${name}:${(number % 90) + 1}|ms`,
    ]
    return kinds[number++ % 3]!
  }
  return Array.from({ length: count }, () => Buffer.from(Array.from({ length: lines }, line).join('\n')))
}

/** A Prometheus page: half counters, half gauges, three labels each, in families of 100. */
export function prometheusPage(series: number): string {
  let page = ''
  for (let i = 0; i < series; i++) {
    const family = `bench_metric_${Math.floor(i / 100)}`
    const type = Math.floor(i / 100) % 2 === 0 ? 'counter' : 'gauge'
    if (i % 100 === 0) page += `# HELP ${family} A metric of the benchmark\n# TYPE ${family} ${type}\n`
    page += `${family}{method="GET",code="200",path="/api/v2/orders/${i}"} ${i * 3 + 1}\n`
  }
  return page
}
