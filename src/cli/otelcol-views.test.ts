import { expect, test } from 'vitest'
import { serviceFields } from '../config/schema.ts'
import { Distribution } from '../runtime/distribution.ts'
import type { OwnMetric } from '../runtime/own-metric.ts'
import { viewed } from './otelcol-views.ts'

const sizes = new Distribution([10, 100, 1000])
for (const size of [5, 50, 500, 5000]) sizes.add(size)

const common = { help: 'What it is.', unit: '{span}', scope: 'go/exporter' }
const metrics: OwnMetric[] = [
  {
    ...common,
    name: 'otelcol_exporter_sent_spans',
    type: 'counter',
    points: [
      { attributes: { exporter: 'otlp', 'otel.signal': 'traces' }, value: 3 },
      { attributes: { exporter: 'debug', 'otel.signal': 'traces' }, value: 4 },
    ],
  },
  { ...common, name: 'otelcol_exporter_queue_size', type: 'gauge', points: [{ attributes: {}, value: 2 }] },
  {
    ...common,
    name: 'otelcol_send_size',
    unit: 'By',
    scope: 'go/batch',
    type: 'histogram',
    points: [{ attributes: {}, value: sizes }],
  },
]

const parse = (views: object[]) => serviceFields.safeParse({ telemetry: { metrics: { level: 'detailed', views } } })

/** `name{attributes} value`, as the views leave them. */
const shown = (...views: object[]) =>
  viewed(metrics, parse(views).data!.telemetry.metrics.views).flatMap(({ name, type, points }) =>
    points.map(({ attributes, value }) => {
      const labels = Object.entries(attributes).map(([key, text]) => `${key}=${text}`)
      const text = value instanceof Distribution ? value.counts.join(' ') : value
      return `${type} ${name}{${labels.join(',')}} ${text}`
    }),
  )

const drop = { aggregation: { drop: {} } }
const sent = [
  'counter otelcol_exporter_sent_spans{exporter=otlp,otel.signal=traces} 3',
  'counter otelcol_exporter_sent_spans{exporter=debug,otel.signal=traces} 4',
]
const queue = 'gauge otelcol_exporter_queue_size{} 2'
const histogram = 'histogram otelcol_send_size{} 1 1 1 1'

test.each<[string, object[], string[]]>([
  [
    'nothing is changed without a view that fits',
    [{ selector: { instrument_name: 'x' }, stream: drop }],
    [...sent, queue, histogram],
  ],
  ['drop by a pattern', [{ selector: { instrument_name: 'otelcol_exporter_*' }, stream: drop }], [histogram]],
  [
    'drop: with nothing behind it',
    [{ selector: { meter_name: 'go/exporter' }, stream: { aggregation: { drop: null } } }],
    [histogram],
  ],
  ['drop by unit', [{ selector: { unit: 'By' }, stream: drop }], [...sent, queue]],
  ['drop by type', [{ selector: { instrument_type: 'observable_gauge' }, stream: drop }], [...sent, histogram]],
  [
    'a type that is left open',
    [{ selector: { instrument_name: 'otelcol_send_size', instrument_type: null }, stream: drop }],
    [...sent, queue],
  ],
  ['? is one character', [{ selector: { instrument_name: 'otelcol_send_siz?' }, stream: drop }], [...sent, queue]],
  [
    'another name',
    [{ selector: { instrument_name: 'otelcol_exporter_queue_size' }, stream: { name: 'queue' } }],
    [...sent, 'gauge queue{} 2', histogram],
  ],
  [
    'without an attribute: what is the same then is added up',
    [
      {
        selector: { instrument_name: 'otelcol_exporter_sent_*' },
        stream: { attribute_keys: { excluded: ['exporter'] } },
      },
    ],
    ['counter otelcol_exporter_sent_spans{otel.signal=traces} 7', queue, histogram],
  ],
  [
    'only these attributes',
    [{ selector: { unit: '{span}' }, stream: { attribute_keys: { included: ['exporter'] } } }],
    [
      'counter otelcol_exporter_sent_spans{exporter=otlp} 3',
      'counter otelcol_exporter_sent_spans{exporter=debug} 4',
      queue,
      histogram,
    ],
  ],
  [
    'the older list of attributes',
    [{ selector: { instrument_type: 'counter' }, stream: { attribute_keys: [] } }],
    ['counter otelcol_exporter_sent_spans{} 7', queue, histogram],
  ],
  [
    'an empty list of attributes to keep: all are kept',
    [{ selector: { instrument_name: 'otelcol_exporter_sent_spans' }, stream: { attribute_keys: { included: [] } } }],
    [...sent, queue, histogram],
  ],
  ['what is empty is not asked', [{ selector: { instrument_name: '', unit: 'By' }, stream: drop }], [...sent, queue]],
  [
    'a version of the scope: none has one',
    [
      { selector: { meter_name: 'go/exporter', meter_version: '1' }, stream: drop },
      { selector: { meter_schema_url: 'https://s' }, stream: drop },
    ],
    [...sent, queue, histogram],
  ],
  [
    'other bounds',
    [{ selector: { unit: 'By' }, stream: { aggregation: { explicit_bucket_histogram: { boundaries: [100] } } } }],
    [...sent, queue, 'histogram otelcol_send_size{} 2 2'],
  ],
  [
    'the sum of a histogram',
    [{ selector: { unit: 'By' }, stream: { aggregation: { sum: {} } } }],
    [...sent, queue, 'counter otelcol_send_size{} 5555'],
  ],
  [
    'the last value of a sum',
    [{ selector: { instrument_name: 'otelcol_exporter_sent_spans' }, stream: { aggregation: { last_value: {} } } }],
    [...sent.map((line) => line.replace('counter', 'gauge')), queue, histogram],
  ],
  [
    'two views make two of one, and what was dropped first stays dropped',
    [
      { selector: { instrument_name: 'otelcol_exporter_queue_size' }, stream: drop },
      { selector: { instrument_name: 'otelcol_exporter_queue_size' }, stream: { name: 'queue' } },
      { selector: { instrument_name: 'otelcol_exporter_*' }, stream: { attribute_keys: [] } },
    ],
    ['counter otelcol_exporter_sent_spans{} 7', 'gauge queue{} 2', histogram],
  ],
])('%s', (_name, views, expected) => expect(shown(...views)).toEqual(expected))

test('texts for what cannot be', () => {
  const faults = (metrics: object) =>
    serviceFields.safeParse({ telemetry: { metrics } }).error?.issues.map((issue) => issue.message)
  const views = [{ selector: { instrument_name: 'a' }, stream: drop }]
  expect(faults({ level: 'normal', views })).toEqual([
    'service::telemetry::metrics::views can only be set when service::telemetry::metrics::level is detailed',
  ])
  expect(
    faults({ level: 'detailed', views: [{ selector: { instrument_name: 'a*' }, stream: { name: 'b' } }] }),
  ).toEqual(['a view that may pick several instruments cannot give them one name'])
})

test.each([
  ['nothing to pick by', {}, {}, 'selector', 'a view needs something to pick by, such as'],
  ['empty texts to pick by', { instrument_name: '', unit: '' }, {}, 'selector', 'a view needs something to pick by'],
  [
    'bounds in disorder',
    { unit: 'By' },
    { aggregation: { explicit_bucket_histogram: { boundaries: [1, 10, 5] } } },
    'stream.aggregation.explicit_bucket_histogram.boundaries.2',
    'bounds rise: 5 cannot stand behind 10',
  ],
  [
    'a bound twice',
    { unit: 'By' },
    { aggregation: { explicit_bucket_histogram: { boundaries: [1, 1] } } },
    'stream.aggregation.explicit_bucket_histogram.boundaries.1',
    'bounds rise: 1 cannot stand behind 1',
  ],
  [
    'an attribute that stays and goes',
    { unit: 'By' },
    { attribute_keys: { included: ['a', 'b'], excluded: ['c', 'b'] } },
    'stream.attribute_keys.excluded.1',
    '"b" is in `included` too',
  ],
])('%s is a fault with its place', (_name, selector, stream, place, text) => {
  const [issue, ...others] = parse([{ selector, stream }]).error!.issues
  expect(others).toEqual([])
  expect(issue!.path.join('.')).toBe(`telemetry.metrics.views.0.${place}`)
  expect(issue!.message).toContain(text)
})
