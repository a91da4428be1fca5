/** Microseconds per record of each conversion: `node bench/micro/convert.ts`. Batches of 100 records with 10 tags. */

import { convertEnvelopesToOtlp } from '../../src/wire/convert/envelopes-to-otlp.ts'
import {
  convertLogsToEnvelopes,
  convertMetricsToEnvelopes,
  convertTracesToEnvelopes,
} from '../../src/wire/convert/otlp-to-envelopes.ts'
import { rowsOf } from '../../src/wire/convert/rows.ts'
import { convertV1ToV2 } from '../../src/wire/convert/v1-to-v2.ts'
import { convertV2ToV1 } from '../../src/wire/convert/v2-to-v1.ts'
import { BackwardWriter } from '../../src/wire/protobuf.ts'
import { encodeEnvelope, frameRecords, type Message } from '../../test/support/decode.ts'

const tags = {
  deployment: 'cf-production',
  job: 'diego-cell',
  index: '6b8b4567-327b-23c6-643c-98696633487',
  ip: '10.0.16.23',
  origin: 'rep',
  app_id: 'f47ac10b-58cc-4372-a567-0e02b2c3d479',
  app_name: 'orders-service',
  space_name: 'production',
  organization_name: 'retail',
  process_type: 'web',
}
const base: Message = {
  timestamp: 1257894000000000000n,
  source_id: 'f47ac10b-58cc-4372-a567-0e02b2c3d479',
  instance_id: '2',
  tags,
}
const payload = Buffer.from('GET /orders/17 200 12ms user=42 trace=abcdef '.repeat(3))
const http = {
  request_id: 'b3015d69-09cd-476d-aace-ad2d824d5ab7',
  peer_type: 'Server',
  method: 'GET',
  uri: 'http://orders.example.com/orders/17',
  status_code: '200',
  trace_id: 'beefdeadbeefdeadbeefdeadbeefdead',
  span_id: 'deadbeefdeadbeef',
  user_agent: 'curl/7',
}
const kinds: Record<string, Message> = {
  log: { ...base, log: { payload } },
  counter: { ...base, counter: { name: 'requests', delta: 3n, total: 41n } },
  gauge: { ...base, gauge: { metrics: { latency: { unit: 'ms', value: 12.5 } } } },
  timer: {
    ...base,
    tags: { ...http, origin: 'gorouter', ip: '10.0.0.1' },
    timer: { name: 'http', start: 1n, stop: 2n },
  },
}

const outs = [new BackwardWriter(1 << 18), new BackwardWriter(1 << 18), new BackwardWriter(1 << 18)] as const
const [logs, metrics, traces] = outs
let written = 0

/** Best of 15 rounds, so that a busy machine shows less. */
function time(name: string, bytes: Uint8Array, records: number, run: () => void): void {
  const rounds = 200
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 15; round++) {
    const start = performance.now()
    for (let i = 0; i < rounds; i++) {
      run()
      for (const out of outs) {
        written += out.length
        out.reset()
      }
    }
    best = Math.min(best, performance.now() - start)
  }
  const micros = ((best * 1000) / rounds / records).toFixed(2)
  console.log(`${name.padEnd(32)} ${micros.padStart(6)} us/record  ${Math.round(bytes.length / records)} bytes in`)
}

const inverse = [
  ['logs', convertLogsToEnvelopes],
  ['metrics', convertMetricsToEnvelopes],
  ['traces', convertTracesToEnvelopes],
] as const

const count = 100
for (const [kind, envelope] of Object.entries(kinds)) {
  const batch = frameRecords(Array.from({ length: count }, () => encodeEnvelope(envelope)))
  const rows = rowsOf(batch)
  const observedTime = [1, 2] as const
  time(
    `${kind}: envelope to OTLP`,
    batch,
    count,
    () => void convertEnvelopesToOtlp(rows, { logs, metrics, traces, observedTime }),
  )
  time(`${kind}: v2 to v1`, batch, count, () => void convertV2ToV1(rows, logs))
  for (const [signal, convert] of inverse) {
    convertEnvelopesToOtlp(rows, { [signal]: outs[0], observedTime })
    const request = outs[0].take()
    if (request.length > 0) {
      time(`${kind}: OTLP to envelope`, request, count, () => void convert(request, 0, request.length, logs))
    }
  }
  convertV2ToV1(rows, logs)
  const list = logs.take()
  const v1 = rowsOf(list)
  time(`${kind}: v1 to v2`, list, count, () => void convertV1ToV2(v1, { preferredTags: true }, logs))
}
console.log(`${Math.round(written / 1e6)} MB written`)
