/**
 * Microseconds per record of the processors that edit and filter: `node --conditions=tailrace-source
 * bench/micro/processors.ts [part of a name]`. Batches of 100 records of about 350 bytes with ten attributes; CPU time,
 * median of 15 rounds. Every case ends with the bytes of the batch, as an exporter takes them.
 */

import { ProcessorNode } from '../../src/engine/nodes.ts'
import { Batch, type Consumer, type Format } from '../../src/plugin.ts'
import attributes from '../../src/processors/attributes/index.ts'
import cumulativeToDelta from '../../src/processors/cumulativetodelta/index.ts'
import filter from '../../src/processors/filter/index.ts'
import probabilisticSampler from '../../src/processors/probabilistic-sampler/index.ts'
import redaction from '../../src/processors/redaction/index.ts'
import resource from '../../src/processors/resource/index.ts'
import tailSampling from '../../src/processors/tail-sampling/index.ts'
import transform from '../../src/processors/transform/index.ts'
import type { Editor } from '../../src/telemetry/pass.ts'
import { batchOf, double, field, int, type Part, typicalEnvelope, varint } from '../../src/telemetry/testing/encode.ts'
import { processorHost } from '../../src/telemetry/testing/processor-host.ts'

const records = 100
const fixed = (number: number, value: bigint) => {
  const body = Buffer.alloc(8)
  body.writeBigUInt64LE(value)
  return Buffer.concat([varint((number << 3) | 1), body])
}
const attribute = (number: number, key: string, value: Part) => field(number, [field(1, key), field(2, value)])
const ten = (number: number, n: number) => [
  attribute(number, 'http.method', field(1, 'GET')),
  attribute(number, 'http.route', field(1, '/api/v1/items/:id')),
  attribute(number, 'http.status_code', int(3, n % 10 === 0 ? 500 : 200)),
  attribute(number, 'net.peer.ip', field(1, '10.0.16.4')),
  attribute(number, 'user.id', field(1, `user-${n}`)),
  attribute(number, 'thread', field(1, 'worker-17')),
  attribute(number, 'shard', int(3, n % 7)),
  attribute(number, 'region', field(1, 'eu-central-1')),
  attribute(number, 'cached', int(2, 1)),
  attribute(number, 'duration', double(4, n / 7)),
]
const head = field(1, [attribute(1, 'service.name', field(1, 'shop')), attribute(1, 'host.name', field(1, 'cell-12'))])
const scope = field(1, [field(1, 'lib'), field(2, '1.0')])
const all = (record: (n: number) => Part) => Array.from({ length: records }, (_, n) => field(2, record(n)))
const id = Buffer.alloc(16, 7)
const messages: Record<Format, Buffer> = {
  logs: field(1, [
    head,
    field(2, [
      scope,
      ...all((n) => [
        fixed(1, 99n),
        int(2, 9),
        field(3, 'INFO'),
        field(5, field(1, `line ${n} ${'x'.repeat(60)}`)),
        ...ten(6, n),
      ]),
    ]),
  ]),
  traces: field(1, [
    head,
    field(2, [
      scope,
      ...all((n) => [
        field(1, id),
        field(2, id.subarray(8)),
        field(5, 'GET /'),
        int(6, 2),
        fixed(7, 5n),
        fixed(8, 9n),
        ...ten(9, n),
      ]),
    ]),
  ]),
  metrics: field(1, [
    head,
    field(2, [
      scope,
      field(2, [
        field(1, 'http.server.duration'),
        field(
          5,
          Array.from({ length: records }, (_, n) => field(1, [fixed(3, 7n), double(4, n), ...ten(7, n)])),
        ),
      ]),
    ]),
  ]),
  envelopes: batchOf(...Array.from({ length: records }, (_, n) => typicalEnvelope(n))),
  dropsonde: Buffer.alloc(0),
}

type Run = (batch: Batch) => Batch | undefined
type Made = Run | { process: Run; editor?: Editor }
type Spec = { type: string; config: { parse(config: unknown): unknown }; create(use: never): Made }
function make(spec: unknown, config: unknown, format: Format): (batch: Batch) => Batch | undefined {
  const { type, config: schema, create } = spec as Spec
  const { host, handed } = processorHost(type)
  const made = create({ config: schema.parse(config), host, format } as never)
  const process = typeof made === 'function' ? made : made.process
  // What is handed on later goes on too.
  return (batch) => process(batch) ?? handed.splice(0).at(-1)
}
/** Neighbours in the graph: those that edit or filter run as one. */
function together(format: Format, ...all: [spec: unknown, config: unknown][]): Run {
  let out: Batch | undefined
  let next: Consumer = {
    consume(batch) {
      out = batch
    },
  }
  for (const [spec, config] of all.toReversed()) {
    const { type, config: schema, create } = spec as Spec
    const { host, account } = processorHost(type)
    const made = create({ config: schema.parse(config), host, format } as never)
    const [process, editor] = typeof made === 'function' ? [made] : [made.process, made.editor]
    next = new ProcessorNode(process, account, next, () => {}, editor)
  }
  return (batch) => {
    out = undefined
    next.consume(batch)
    return out
  }
}
const chain =
  (...all: ((batch: Batch) => Batch | undefined)[]) =>
  (batch: Batch): Batch | undefined =>
    all.reduce<Batch | undefined>((given, process) => given && process(given), batch)

const four = {
  actions: ['env', 'zone', 'team', 'cluster'].map((key) => ({ key, value: `${key}-value`, action: 'upsert' })),
}
const cases: [string, Format, (batch: Batch) => Batch | undefined][] = []
for (const format of ['logs', 'metrics', 'traces', 'envelopes'] as const) {
  const add = make(attributes, four, format)
  const condition = format === 'envelopes' ? 'IsMatch(instance_id, "^3$")' : 'attributes["http.status_code"] == 500'
  const drop = make(filter, { drop: [condition] }, format)
  cases.push([`${format}: bytes again`, format, (batch) => batch])
  cases.push([`${format}: attributes, 4 added`, format, add])
  cases.push([`${format}: filter, 10 % dropped`, format, drop])
  const both = together(format, [attributes, four], [filter, { drop: [condition] }])
  cases.push([`${format}: attributes + filter`, format, both])
  cases.push([`${format}: attributes + filter, each by itself`, format, chain(add, drop)])
}
cases.push(
  [
    'logs: filter + attributes',
    'logs',
    together('logs', [filter, { drop: ['attributes["http.status_code"] == 500'] }], [attributes, four]),
  ],
  [
    'logs: resource, 1 added',
    'logs',
    make(resource, { attributes: [{ key: 'env', value: 'x', action: 'upsert' }] }, 'logs'),
  ],
  [
    'logs: transform, set where and replace_pattern',
    'logs',
    make(
      transform,
      {
        log_statements: [
          'set(log.attributes["slow"], true) where log.attributes["duration"] > 10',
          'replace_pattern(log.body, "x{10}", "y")',
          'delete_key(log.attributes, "thread")',
        ],
      },
      'logs',
    ),
  ],
  [
    'logs: redaction, all keys, two patterns',
    'logs',
    make(redaction, { allow_all_keys: true, blocked_values: ['4[0-9]{12}(?:[0-9]{3})?', '(5[1-5][0-9]{14})'] }, 'logs'),
  ],
)

/** A hundred traces of one span each, with a tracestate or not. */
const manyTraces = field(1, [
  head,
  field(2, [
    scope,
    ...all((n) => [
      field(1, Buffer.concat([Buffer.alloc(12, 7), Buffer.from(Uint32Array.of(Math.imul(n, 0x9e3779b1)).buffer)])),
      field(5, 'GET /'),
      fixed(7, 5n),
      fixed(8, 9n),
      ...ten(9, n),
    ]),
  ]),
])
/** A counter of a hundred streams. */
const counters = field(1, [
  head,
  field(2, [
    scope,
    field(2, [
      field(1, 'http.server.requests'),
      field(7, [
        ...Array.from({ length: records }, (_, n) =>
          field(1, [fixed(2, 1n), fixed(3, 7n), fixed(6, 9n), ...ten(7, n)]),
        ),
        int(2, 2),
        int(3, 1),
      ]),
    ]),
  ]),
])
const sampled = make(probabilisticSampler, { sampling_percentage: 10 }, 'traces')
const equalized = make(probabilisticSampler, { sampling_percentage: 100, mode: 'equalizing' }, 'traces')
// Room for no trace at all: each is held, decided and let go within the call.
const tail = (policies: object[]) => make(tailSampling, { num_traces: 1, policies }, 'traces')
const errors = [{ name: 'errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } }]
const deltas = make(cumulativeToDelta, { initial_value: 'keep' }, 'metrics')
const own: [string, Format, (batch: Batch) => Batch | undefined, Buffer][] = [
  ['traces: probabilistic_sampler, hash_seed, 10 %', 'traces', sampled, manyTraces],
  ['traces: probabilistic_sampler, equalizing, all', 'traces', equalized, manyTraces],
  ['traces: tail_sampling, 100 traces a batch, none passes', 'traces', tail(errors), manyTraces],
  [
    'traces: tail_sampling, 100 traces a batch, all pass',
    'traces',
    tail([{ name: 'all', type: 'always_sample' }]),
    manyTraces,
  ],
  ['metrics: cumulativetodelta, 100 streams', 'metrics', deltas, counters],
]

let sink: unknown
function userAndSystem(started: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(started)
  return user + system
}
for (const format of ['logs', 'metrics', 'traces', 'envelopes'] as const) {
  console.log(`${format}: ${records} records of ${Math.round(messages[format].length / records)} bytes`)
}
const withBytes = cases.map(([name, format, run]) => [name, format, run, messages[format]] as const)
const wanted = process.argv[2] ?? ''
for (const [name, format, run, bytes] of [...withBytes, ...own].filter(([name]) => name.includes(wanted))) {
  const rounds: number[] = []
  for (let round = 0; round < 20; round++) {
    const times = 200
    const started = process.cpuUsage()
    for (let i = 0; i < times; i++) sink = run(Batch.of(format, bytes))?.bytes() ?? sink
    if (round >= 5) rounds.push(userAndSystem(started) / times / records)
  }
  rounds.sort((a, b) => a - b)
  console.log(`${name.padEnd(56)} ${rounds[7]!.toFixed(3)} us  (best ${rounds[0]!.toFixed(3)})`)
}
if (sink === undefined) process.exitCode = 1
