import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { Writable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import {
  encodeEnvelopeBatch,
  encodeOtlpLogs,
  encodeOtlpMetrics,
  encodeOtlpTraces,
  encodeV1List,
} from '../../../test/support/decode.ts'
import { newFolder } from '../../../test/support/folder.ts'
import { Budget } from '../../delivery/budget.ts'
import { Ledger } from '../../delivery/ledger.ts'
import { newHost } from '../../engine/host.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { newLog, silentLog } from '../../runtime/log.ts'
import { Metrics } from '../../runtime/metrics.ts'
import { Batch } from '../../telemetry/batch.ts'
import type { Format } from '../../telemetry/format.ts'
import { type DebugConfig, newDebugExporter } from './exporter.ts'
import debug from './index.ts'
import { streamFor } from './streams.ts'

const nanos = 1_257_894_000_120_000_000n
const stamp = /^ {3}\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d[+-]\d{4} /

/** An exporter that prints into `text()`; `stall` makes the reader fall behind, `drain` lets it catch up. */
function printing(written: Partial<DebugConfig> = {}, isTTY = false) {
  const clock = new ManualClock()
  const ledger = new Ledger()
  const shared = { log: silentLog, clock, metrics: new Metrics(), ledger, budget: new Budget('service') }
  const host = newHost(shared, {
    kind: 'exporter',
    type: 'debug',
    id: 'debug',
    readsOrigins: false,
    extension: () => undefined,
  })
  const chunks: string[] = []
  const waiting: (() => void)[] = []
  let stalled = false
  const stream = new Writable({
    decodeStrings: false,
    highWaterMark: 1,
    write(chunk, _encoding, done) {
      chunks.push(String(chunk))
      if (stalled) waiting.push(done)
      else done()
    },
  })
  const output = Object.assign(stream, { isTTY })
  const exporter = newDebugExporter(debug.config.parse(written) as DebugConfig, host, output)
  const account = ledger.accounts[0]!
  return {
    clock,
    account,
    exporter,
    stream,
    stall() {
      stalled = true
    },
    drain: async () => {
      stalled = false
      const drained = once(stream, 'drain')
      for (const done of waiting.splice(0)) done()
      await drained
    },
    text: () => chunks.join(''),
    lines: () => chunks.join('').split('\n').slice(0, -1),
    consume: (format: Format, bytes: Buffer) => exporter.consume(Batch.copyOf(format, bytes)),
  }
}

const head = { timestamp: nanos, source_id: 'app-1', instance_id: '0' }
const log = (payload: string | Buffer, more: object = {}) => ({
  ...head,
  tags: { source_type: 'APP/PROC/WEB' },
  log: { payload: Buffer.from(payload), ...more },
})

describe('in the columns of cf', () => {
  test.each([
    ['a log', log('hello\n'), '[APP/PROC/WEB/0] OUT hello'],
    ['standard error', log('oh no', { type: 1 }), '[APP/PROC/WEB/0] ERR oh no'],
    ['a log without a source type', { ...head, log: { payload: Buffer.from('x') } }, '[app-1/0] OUT x'],
    [
      'a counter',
      { ...head, counter: { name: 'requests', delta: 5n, total: 1042n } },
      '[app-1/0] COUNTER requests:1042',
    ],
    [
      'a gauge',
      { ...head, gauge: { metrics: { cpu: { unit: 'percentage', value: 0.5 }, n: { unit: '', value: 3 } } } },
      '[app-1/0] GAUGE cpu:0.5 percentage n:3',
    ],
    ['a timer', { ...head, timer: { name: 'http', start: 100n, stop: 12_300_100n } }, '[app-1/0] TIMER http 12.3 ms'],
    ['an event', { ...head, event: { title: 'crash', body: 'no memory' } }, '[app-1/0] EVENT crash:no memory'],
    ['an envelope without a message', head, '[app-1/0] (no message)'],
  ])('%s', (_name, envelope, expected) => {
    const { consume, lines } = printing()
    consume('envelopes', encodeEnvelopeBatch([envelope as never]))
    expect(lines()).toHaveLength(1)
    expect(lines()[0]).toMatch(stamp)
    expect(lines()[0]!.replace(stamp, '')).toBe(expected)
  })

  test('v1 envelopes look like the v2 envelopes they become', () => {
    const { consume, lines } = printing()
    const base = { origin: 'gorouter', timestamp: nanos, tags: { source_id: 'gorouter' } }
    const valueMetric = { name: 'latency', value: 12.5, unit: 'ms' }
    consume('dropsonde', encodeV1List([{ ...base, eventType: 6, valueMetric }]))
    expect(lines()[0]).toMatch(/\[gorouter\/\] GAUGE latency:12.5 ms$/)
  })

  test('log records, data points and spans fit into the same columns', () => {
    const { consume, lines } = printing()
    const attribute = (key: string, value: string) => ({ key, value: { stringValue: value } })
    const resource = { attributes: [attribute('service.name', 'shop')] }
    const attributes = [attribute('source_id', 'app-1'), attribute('instance_id', '0')]
    const logRecords = [
      { timeUnixNano: nanos, severityNumber: 9, body: { stringValue: 'hello' }, attributes },
      { timeUnixNano: nanos, severityNumber: 17, body: { stringValue: 'oh no' } },
    ]
    consume('logs', encodeOtlpLogs({ resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] }))
    const metrics = [
      { name: 'requests', sum: { dataPoints: [{ timeUnixNano: nanos, asInt: 10n, attributes }], isMonotonic: true } },
      { name: 'cpu', unit: 'percentage', gauge: { dataPoints: [{ timeUnixNano: nanos, asDouble: 0.5 }] } },
    ]
    consume('metrics', encodeOtlpMetrics({ resourceMetrics: [{ resource, scopeMetrics: [{ metrics }] }] }))
    const spans = [{ name: '/', startTimeUnixNano: nanos, endTimeUnixNano: nanos + 2_500_000n }]
    consume('traces', encodeOtlpTraces({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] }))
    expect(lines().map((line) => line.replace(stamp, ''))).toEqual([
      '[app-1/0] OUT hello',
      '[shop/] ERR oh no',
      '[app-1/0] COUNTER requests:10',
      '[shop/] GAUGE cpu:0.5 percentage',
      '[shop/] TIMER / 2.5 ms',
    ])
  })

  test('detailed adds a line with the tags', () => {
    const { consume, lines } = printing({ verbosity: 'detailed' })
    consume(
      'envelopes',
      encodeEnvelopeBatch([{ ...log('x'), tags: { a: '1', b: 'two words', c: '\x1b[2J' } } as never]),
    )
    expect(lines()[1]).toBe('      source_id=app-1 instance_id=0 a=1 "b=two words" c=\\x1b[2J')
  })

  test('basic says how much there was', () => {
    const { consume, lines } = printing({ verbosity: 'basic' })
    consume('envelopes', encodeEnvelopeBatch([log('x'), log('y')] as never))
    expect(lines()[0]).toMatch(/ 2 envelopes, \d+ bytes$/)
  })
})

test.each([
  ['on a terminal', true, undefined, '\x1b[31mERR oh no\x1b[0m'],
  ['on a terminal with NO_COLOR', true, '1', ' ERR oh no'],
  ['in a file', false, undefined, ' ERR oh no'],
])('colours %s', (_name, isTTY, noColor, expected) => {
  vi.stubEnv('NO_COLOR', noColor)
  const { consume, lines } = printing({}, isTTY)
  vi.unstubAllEnvs()
  consume('envelopes', encodeEnvelopeBatch([log('oh no', { type: 1 })] as never))
  expect(lines()[0]).toContain(expected)
  expect(lines()[0]!.includes('\x1b')).toBe(isTTY && !noColor)
})

test('nothing that an application logs reaches the terminal as a command', () => {
  const { consume, lines } = printing()
  consume(
    'envelopes',
    encodeEnvelopeBatch([log('a\x1b[2Jb\r\nc\x07\u009b1m\u202e\td'), { ...head, source_id: '\x1b]0;x' }] as never),
  )
  expect(lines()[0]).toContain('OUT a\\x1b[2Jb\\r\\nc\\x07\\x9b1m\\u202e\td')
  expect(lines()[1]).toContain('[\\x1b]0;x/0]')
})

test('whatever the bytes are, each record is one line without control characters', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom('cf', 'json'), (bytes, format) => {
      const { consume, text, account } = printing({ format: format as 'cf' })
      for (const kind of ['envelopes', 'dropsonde', 'logs', 'metrics', 'traces'] as const)
        consume(kind, Buffer.from(bytes))
      consume('envelopes', encodeEnvelopeBatch([log(Buffer.from(bytes))] as never))
      expect(text()).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/)
      expect(text().split('\n')).toHaveLength(account.sent + 1)
    }),
  )
})

test('json is one envelope per line, as the gateways print it', () => {
  const { consume, lines } = printing({ format: 'json' })
  const gauge = { metrics: { b: { unit: '', value: Number.NaN }, a: { unit: 'u', value: -0 } } }
  consume(
    'envelopes',
    encodeEnvelopeBatch([
      { ...log('hi'), deprecated_tags: { t: { text: 'x' }, i: { integer: 99n }, d: { decimal: 1.5 } } },
      { ...head, gauge },
      { ...head, counter: { name: 'c', delta: 5n, total: 2n ** 64n - 1n } },
      { ...head, event: { title: 't\u009b', body: 'b' } },
    ] as never),
  )
  const base = '{"timestamp":"1257894000120000000","source_id":"app-1","instance_id":"0"'
  const bare = `${base},"deprecated_tags":{},"tags":{}`
  expect(lines()).toEqual([
    `${base},"deprecated_tags":{"d":{"decimal":1.5},"i":{"integer":"99"},"t":{"text":"x"}},"tags":{"source_type":"APP/PROC/WEB"},"log":{"payload":"aGk=","type":"OUT"}}`,
    `${bare},"gauge":{"metrics":{"a":{"unit":"u","value":-0},"b":{"unit":"","value":"NaN"}}}}`,
    `${bare},"counter":{"name":"c","delta":"5","total":"18446744073709551615"}}`,
    `${bare},"event":{"title":"t\\u009b","body":"b"}}`,
  ])
})

describe('more than anybody can read', () => {
  const many = (count: number) =>
    encodeEnvelopeBatch(Array.from({ length: count }, (_, i) => log(`line ${i}`)) as never)

  test('is summed up once a second', () => {
    const { consume, lines, clock, account } = printing({ max_lines_per_second: 3 })
    consume('envelopes', many(1237))
    expect(lines()).toHaveLength(3)
    clock.advance(1000)
    expect(lines().at(-1)).toBe('... 1,234 more')
    consume('envelopes', many(1))
    expect(lines()).toHaveLength(5)
    expect([account.sent, account.imbalance()]).toEqual([1238, 0])
  })

  test('is summed up when the reader was behind and has caught up', async () => {
    const { consume, lines, clock, stall, drain } = printing()
    stall()
    consume('envelopes', many(2))
    consume('envelopes', many(5))
    clock.advance(1000)
    expect(lines()).toHaveLength(2)
    await drain()
    clock.advance(1000)
    expect(lines().at(-1)).toBe('... 5 more')
  })

  test('is summed up at the end', async () => {
    const { consume, lines, exporter } = printing({ max_lines_per_second: 1, format: 'json' })
    consume('envelopes', many(3))
    await exporter.stop(AbortSignal.abort())
    await exporter.stop(AbortSignal.abort())
    expect(lines().at(-1)).toBe('{"more":2}')
  })
})

test('an output that breaks costs the records, not the process', async () => {
  const { consume, stream, account } = printing()
  stream.destroy(new Error('EPIPE'))
  await new Promise((resolve) => stream.once('close', resolve))
  consume('envelopes', encodeEnvelopeBatch([log('x')] as never))
  expect([account.sent, account.dropped('connection'), account.imbalance()]).toEqual([0, 1, 0])
})

test('the process outlives the reader of its standard output', async () => {
  const script = `
    import { newDebugExporter } from './exporter.ts'
    const host = { clock: { after: () => ({ cancel() {} }), now: () => 0 }, log: { warn: (text) => console.error(text) },
      account: () => ({ drop: (reason) => console.error('dropped', reason) }) }
    const exporter = newDebugExporter({ verbosity: 'basic', format: 'cf', max_lines_per_second: 9 }, host, process.stdout)
    process.stdin.once('data', () => {
      const batch = { format: 'envelopes', count: 1, size: 1, receipts: [] }
      exporter.consume(batch)
      process.stdout.once('close', () => { exporter.consume(batch); console.error('alive'); process.exit(0) })
    })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { cwd: import.meta.dirname })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text
  })
  child.stdout.destroy()
  await once(child.stdout, 'close')
  child.stdin.write('go\n')
  await once(child, 'close')
  expect(errors).toMatch(/nobody reads the output any more[\s\S]*dropped connection\nalive/)
})

describe('in the words of the Collector', () => {
  const logs = (count: number) =>
    encodeOtlpLogs({
      resourceLogs: [
        { scopeLogs: [{ logRecords: Array.from({ length: count }, () => ({ body: { stringValue: 'a\nb' } })) }] },
      ],
    })

  test('basic is a summary of each batch', () => {
    const { consume, lines } = printing({ format: 'otel', verbosity: 'basic' })
    consume('logs', logs(3))
    expect(lines()).toEqual(['Logs {"resource logs": 1, "log records": 3}'])
  })
  test('sampling prints the first of a second and then some; the rest is summed up and counts as sent', () => {
    const { consume, lines, clock, account } = printing({
      format: 'otel',
      verbosity: 'basic',
      sampling_initial: 1,
      sampling_thereafter: 3,
    })
    for (let i = 1; i <= 7; i++) consume('logs', logs(i))
    expect(lines().map((line) => line.match(/records": (\d)/)![1])).toEqual(['1', '4', '7'])
    clock.advance(1000)
    expect(lines().at(-1)).toBe('... 16 more')
    consume('logs', logs(9))
    expect(lines().at(-1)).toContain('records": 9')
    expect(account.sent).toBe(37)
  })
  test('sampling_thereafter 0 prints none of the rest', () => {
    const { consume, lines } = printing({ sampling_initial: 1, sampling_thereafter: 0 })
    for (let i = 0; i < 5; i++) consume('logs', logs(1))
    expect(lines()).toHaveLength(1)
  })
  test('details stay within the lines of a second, and do nothing to a terminal', () => {
    const { consume, lines } = printing({ format: 'otel', verbosity: 'detailed', max_lines_per_second: 30 })
    consume('logs', logs(1000))
    expect(lines().filter((line) => line.startsWith('LogRecord'))).toHaveLength(3)
    expect(lines()).toContain('Body: Str(a\\nb)')
  })
})

describe('where the text goes', () => {
  test('to files, which are added to', async () => {
    const folder = newFolder({ one: 'before\n' })
    const stream = streamFor(false, [`${folder}/one`, `${folder}/two`], silentLog)
    stream.write('text\n')
    stream.release?.()
    const text = (name: string) => existsSync(`${folder}/${name}`) && readFileSync(`${folder}/${name}`, 'utf8')
    await expect.poll(() => text('two')).toBe('text\n')
    await expect.poll(() => text('one')).toBe('before\ntext\n')
  })
  test('into the log of the agent, a line each', () => {
    const said: string[] = []
    streamFor(true, [], newLog({ write: (line) => said.push(line) })).write('one\ntwo\n')
    expect(said.map((line) => /one|two/.exec(line)?.[0])).toEqual(['one', 'two'])
  })
})
