/**
 * Microseconds per record of what every OTLP request causes: `node --conditions=tailrace-source
 * bench/micro/otlp-gate.ts`. Requests of 100 records of about 350 bytes with ten attributes; CPU time, median of 15
 * rounds.
 */
import { OtlpGate } from '../../src/telemetry/otlp-gate.ts'
import { decodeOtlpJson } from '../../src/wire/otlp/json-decode.ts'
import { encodeOtlpJson } from '../../src/wire/otlp/json-encode.ts'

const records = 100
const times = (make: (n: number) => object) => Array.from({ length: records }, (_, n) => make(n))
const time = (n: number) => String(1_767_000_000_123_456_789n + BigInt(n))
const attributes = (n: number, mixed: boolean) =>
  Array.from({ length: 10 }, (_, i) => ({
    key: `attribute.key_${i}`,
    value:
      mixed && i % 3 === 1
        ? { intValue: String(n * 1000 + i) }
        : mixed && i % 3 === 2
          ? { doubleValue: n / 7 }
          : { stringValue: `value-${n}-${i}` },
  }))
const traceId = '0af7651916cd43dd8448eb211c80319c'
const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'bench' } }] }
const scope = { name: 'bench', version: '1' }
const log = (n: number, text: string, mixed: boolean) => ({
  timeUnixNano: time(n),
  observedTimeUnixNano: time(n),
  severityNumber: 9,
  severityText: 'INFO',
  body: { stringValue: `${text} ${n}: the quick brown fox jumps over the lazy dog` },
  attributes: attributes(n, mixed),
  traceId,
  spanId: 'b7ad6b7169203331',
})
const logs = (text: string, mixed = false) => ({
  resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords: times((n) => log(n, text, mixed)) }] }],
})
const points = times((n) => ({
  startTimeUnixNano: time(0),
  timeUnixNano: time(n),
  asDouble: n / 3,
  attributes: attributes(n, false),
}))
const sums = {
  name: 'http.requests',
  unit: '1',
  sum: { dataPoints: points, aggregationTemporality: 2, isMonotonic: true },
}
const span = (n: number) => ({
  traceId,
  spanId: 'b7ad6b7169203331',
  parentSpanId: '00f067aa0ba902b7',
  name: 'GET /things',
  kind: 2,
  startTimeUnixNano: time(n),
  endTimeUnixNano: time(n + 5),
  attributes: attributes(n, false),
  status: { code: 1 },
})
const requests = {
  logs: logs('line'),
  metrics: { resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics: [sums] }] }] },
  traces: { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: times(span) }] }] },
}
type Format = keyof typeof requests

const bytesOf = (format: Format, json: object): Buffer => {
  const bytes = decodeOtlpJson(format, Buffer.from(JSON.stringify(json)))
  if ('error' in bytes) throw new Error(bytes.error)
  return Buffer.from(bytes)
}
const gate = new OtlpGate()
const through = (format: Format, json: object) => {
  const bytes = bytesOf(format, json)
  return () => {
    if (!gate.take(format, bytes, 0, bytes.length)) throw new Error(gate.fault)
  }
}
const json = Buffer.from(JSON.stringify(requests.logs))
const plain = bytesOf('logs', requests.logs)
const cases: Record<string, () => unknown> = {
  'gate, logs': through('logs', requests.logs),
  'gate, logs with numbers': through('logs', logs('line', true)),
  'gate, logs beyond ASCII': through('logs', logs('zeile äöü')),
  'gate, metrics': through('metrics', requests.metrics),
  'gate, traces': through('traces', requests.traces),
  'JSON to bytes, logs': () => decodeOtlpJson('logs', json),
  'bytes to JSON, logs': () => encodeOtlpJson('logs', plain),
}

console.log(
  `${records} records of ${Math.round(plain.length / records)} bytes, ${Math.round(json.length / records)} as JSON`,
)
for (const [name, run] of Object.entries(cases)) {
  const rounds: number[] = []
  for (let round = 0; round < 20; round++) {
    const started = process.cpuUsage()
    for (let i = 0; i < 500; i++) run()
    const { user, system } = process.cpuUsage(started)
    if (round >= 5) rounds.push((user + system) / 500 / records)
  }
  rounds.sort((a, b) => a - b)
  console.log(`${name.padEnd(28)} ${rounds[rounds.length >> 1]!.toFixed(3)} µs a record`)
}
