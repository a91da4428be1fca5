import fc from 'fast-check'
import { expect, test } from 'vitest'
import attributes from '../processors/attributes/index.ts'
import filter from '../processors/filter/index.ts'
import redaction from '../processors/redaction/index.ts'
import resource from '../processors/resource/index.ts'
import transform from '../processors/transform/index.ts'
import { Batch } from '../telemetry/batch.ts'
import { batchOf, double, entry, envelope, field, int } from '../telemetry/testing/encode.ts'
import { compileStatement, contextsOf } from './statements.ts'
import { exponential, exponentialPoint, histogram, histogramPoint, summary, summaryPoint } from './testing/metrics.ts'
import { processorOf } from './testing/run.ts'
import { any, entries, fixed64, logRequest, metricRequest, traceRequest } from './testing/samples.ts'
import { ConditionError } from './tokens.ts'

const samples = {
  logs: logRequest(
    [int(2, 9), field(5, any({ a: { b: 'c' } })), entries(6, { k: 'v', m: { n: [1, 'x'] } })],
    field(5, any('x')),
  ),
  metrics: metricRequest(
    [field(1, 'm'), field(7, [field(1, [fixed64(3, 7n), double(4, 1), entries(7, { k: 'v' })]), int(2, 2), int(3, 1)])],
    histogram('h', 1, histogramPoint({ counts: [1, 2], bounds: [5], sum: 9 }, { k: 'v' })),
    summary('s', summaryPoint(3n, 2)),
    exponential('e', 2, exponentialPoint({ scale: 1, positive: { offset: 0, counts: [1, 2] } }, { k: 'v' })),
  ),
  traces: traceRequest([
    field(5, 'a'),
    int(6, 2),
    field(11, [field(2, 'e'), entries(3, { k: 'v' })]),
    field(15, int(3, 2)),
    entries(9, { k: 'v' }),
  ]),
  envelopes: batchOf(
    envelope({ source: 's', log: 'x', tags: { k: 'v' }, deprecated: { k: 1n } }),
    envelope({ gauge: { a: 1 } }),
  ),
  dropsonde: batchOf(Buffer.concat([field(1, 'o'), entry(17, 'k', 'v')])),
}
type Sampled = keyof typeof samples

const everything: Record<string, object> = {
  log_statements: [
    'set(resource.attributes["r"], log.attributes["k"])',
    'set(log.body["a"]["b"], 1) where IsMap(log.body)',
    'flatten(log.attributes)',
    'replace_all_patterns(log.attributes, "key", "k", "l")',
    'truncate_all(log.attributes, 1)',
    'merge_maps(log.cache, log.body, "upsert")',
    'set(log.attributes["t"], FormatTime(log.time, "%c")) where Year(log.time) > 1970',
    'set(log.time, Time(log.body, "%Y"))',
    'limit(log.attributes, 1, [])',
    'set(log.severity_text, Concat([log.body, scope.name, log.trace_id.string], ""))',
  ] as object,
  metric_statements: [
    { context: 'metric', statements: ['set(aggregation_temporality, 1)', 'set(name, Concat([name, type], "."))'] },
    {
      context: 'metric',
      statements: [
        'set(cache["name"], name)',
        'copy_metric(name=Concat([cache["name"], "copy"], "."))',
        'scale_metric(2.5, "s")',
        'extract_count_metric(true)',
        'extract_sum_metric(false)',
        'convert_summary_count_val_to_sum("delta", true)',
        'convert_summary_sum_val_to_sum("delta", true)',
        'convert_summary_quantile_val_to_gauge()',
        'extract_percentile_metric(99.9)',
        'merge_histogram_buckets(5)',
        'convert_gauge_to_sum("delta", true) where HasAttrKeyOnDatapoint("k")',
        'aggregate_on_attribute_value("sum", "k", ["v"], "w") where type != METRIC_DATA_TYPE_SUMMARY',
        'convert_exponential_histogram_to_histogram("uniform", [1, 2])',
        'aggregate_on_attributes("median", [])',
        'convert_sum_to_gauge()',
      ],
    },
    'set(datapoint.time, datapoint.time + Duration("1s"))',
    'set(datapoint.value_int, Int(datapoint.value_double))',
    'keep_keys(datapoint.attributes, ["k"])',
    'set(datapoint.flags, 1)',
  ] as object,
  trace_statements: [
    'set(span.status.code, 1)',
    'set(span.status.message, span.name)',
    'set(spanevent.attributes["n"], Len(span.events))',
    'merge_maps(span.attributes, resource.attributes, "upsert")',
  ] as object,
  envelope_statements: [
    'set(attributes["k"], body)',
    'replace_pattern(body, "x", "y")',
    'delete_key(attributes, "z")',
  ] as object,
}
const actions = [
  { key: 'k', action: 'upsert', value: 1 },
  { key: 'n', action: 'insert', from_attribute: 'k' },
  { pattern: '^m', action: 'delete' },
  { key: 'n', action: 'hash' },
  { key: 'k', action: 'convert', converted_type: 'string' },
]

test('bytes that are not of their format make no editing processor throw, hang or lose its place', () => {
  const formats = Object.keys(samples) as Sampled[]
  const processors = formats.flatMap((format) => [
    { format, run: processorOf(attributes, { actions }, format).run },
    ...(format === 'dropsonde'
      ? []
      : [
          { format, run: processorOf(transform, { ...everything, error_mode: 'ignore' }, format).run },
          {
            format,
            run: processorOf(redaction, { allowed_keys: ['k'], blocked_values: ['v'], summary: 'debug' }, format).run,
          },
          {
            format,
            run: processorOf(
              filter,
              { drop: ['attributes["k"] == "v"'], traces: { spanevent: ['name == "e"'] } },
              format,
            ).run,
          },
        ]),
    ...(format === 'dropsonde' || format === 'envelopes'
      ? []
      : [{ format, run: processorOf(resource, { attributes: actions }, format).run }]),
  ])
  fc.assert(
    fc.property(
      fc.constantFrom(...processors),
      fc.uint8Array({ maxLength: 12 }),
      fc.nat(),
      ({ format, run }, noise, at) => {
        const bytes = Buffer.from(samples[format])
        const from = at % bytes.length
        bytes.set(noise.subarray(0, bytes.length - from), from)
        const out = run(bytes)
        if (out) expect(out.bytes().length).toBeLessThan(10_000)
        if (out) expect(Batch.of(format, out.bytes()).count).toBe(out.count)
      },
    ),
    { numRuns: 3000 },
  )
})

test('any text is a statement or refused with a ConditionError', () => {
  const words = [
    'set',
    '(',
    ')',
    'log.body',
    'attributes',
    '[',
    ']',
    '"k"',
    ',',
    '5',
    '-',
    '+',
    '{',
    '}',
    ':',
    'where',
    '==',
    '<',
    'and',
    'not',
    'Concat',
    'nil',
    '0xff',
    '=',
    'ParseJSON',
    'target',
    '"',
    'delete_key',
  ]
  const text = fc.oneof(
    fc.string(),
    fc.array(fc.constantFrom(...words), { maxLength: 16 }).map((all) => all.join(' ')),
    fc.array(fc.constantFrom(...words), { maxLength: 10 }).map((all) => `set(attributes["k"], ${all.join(' ')})`),
  )
  fc.assert(
    fc.property(text, fc.constantFrom(...contextsOf.logs), (source, context) => {
      try {
        compileStatement(source, 'logs', context)
      } catch (error) {
        expect(error).toBeInstanceOf(ConditionError)
        expect((error as ConditionError).position).toBeLessThanOrEqual(source.length)
      }
    }),
    { numRuns: 3000 },
  )
})
