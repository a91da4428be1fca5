import { describe, expect, test } from 'vitest'
import { faults, processorOf } from '../../ottl/testing/run.ts'
import {
  any,
  at,
  entries,
  fixed64,
  logRequest,
  metricRequest,
  plainEntries,
  traceRequest,
} from '../../ottl/testing/samples.ts'
import { double, field, int } from '../../telemetry/testing/encode.ts'
import { fieldsOf } from '../../telemetry/testing/strict-decoder.ts'
import filter from './index.ts'

describe("in the Collector's shape", () => {
  const shop = logRequest([int(2, 5), field(5, any('a'))], [int(2, 13), field(5, any('b'))])
  const other = field(1, [field(1, entries(1, { 'service.name': 'other' })), field(2, field(2, field(5, any('c'))))])
  const bodies = (bytes: Buffer) => (bytes.toString('latin1').match(/\x0a\x01[abc]/g) ?? []).map((each) => each[2])

  test.each<[object, string[]]>([
    [{ logs: { resource: ['attributes["service.name"] == "shop"'] } }, ['c']],
    [{ logs: { log_record: ['severity_number > 0 and severity_number < 9'] } }, ['b', 'c']],
    [{ logs: { log_record: ['resource.attributes["service.name"] == "other"', 'body == "a"'] } }, ['b']],
    [{ log_conditions: ['log.severity_number >= SEVERITY_NUMBER_WARN'] }, ['a', 'c']],
    [{ log_conditions: ['resource.attributes["service.name"] == "shop"'] }, ['c']],
    [{ log_conditions: ['scope.name == "lib"'] }, ['c']],
    [{ log_conditions: [{ context: 'resource', conditions: ['attributes["service.name"] == "other"'] }] }, ['a', 'b']],
    [{ drop: ['Len(body) == 1 and body != "b"'] }, ['b']],
  ])('logs: %j', (config, left) => {
    const { run, account } = processorOf(filter, config, 'logs')
    const input = Buffer.concat([shop, other])
    expect(bodies(run(input)!.bytes())).toEqual(left)
    expect(account.dropped('rule')).toBe(3 - left.length)
  })

  const point = (values: Record<string, string>, value = 1) => field(1, [double(4, value), entries(7, values)])
  const metrics = metricRequest(
    [field(1, 'first'), field(5, [point({ k: 'v' }, 1), point({}, 2)])],
    [field(1, 'second'), field(7, [point({ k: 'w' }, 3), int(2, 2), int(3, 1)])],
  )
  const points = (bytes: Buffer) =>
    fieldsOf(at(bytes, 1, 2))
      .slice(1)
      .map(({ value }) => {
        const metric = value as Buffer
        const data = at(metric, 5).length > 0 ? at(metric, 5) : at(metric, 7)
        return [String(at(metric, 1)), fieldsOf(data).filter((each) => each.field === 1).length]
      })

  test.each<[object, [string, number][]]>([
    [{ metrics: { metric: ['name == "first"'] } }, [['second', 1]]],
    [{ metrics: { metric: ['type == METRIC_DATA_TYPE_SUM and is_monotonic == true'] } }, [['first', 2]]],
    [{ metrics: { metric: ['HasAttrKeyOnDatapoint("k")'] } }, []],
    [{ metrics: { metric: ['HasAttrOnDatapoint("k", "v")'] } }, [['second', 1]]],
    [{ metrics: { datapoint: ['value_double > 1.5'] } }, [['first', 1]]],
    [{ metrics: { datapoint: ['attributes["k"] != nil'] } }, [['first', 1]]],
    [{ metric_conditions: ['metric.name == "second"'] }, [['first', 2]]],
    [
      { metric_conditions: ['datapoint.attributes["k"] == "v"'] },
      [
        ['first', 1],
        ['second', 1],
      ],
    ],
    [{ metric_conditions: ['HasAttrKeyOnDatapoint("k") and metric.name == "first"'] }, [['second', 1]]],
    [{ metrics: { resource: ['attributes["service.name"] == "shop"'] } }, []],
  ])('metrics: %j', (config, left) => {
    const out = processorOf(filter, config, 'metrics').run(metrics)
    expect(out ? points(out.bytes()) : []).toEqual(left)
  })

  const event = (name: string) => field(11, [fixed64(1, 5n), field(2, name), entries(3, { k: name })])
  const spans = traceRequest(
    [field(5, 'a'), int(6, 2), event('x'), int(12, 3), event('y'), entries(9, { k: 'v' })],
    [field(5, 'b'), int(6, 3), event('y')],
  )
  test.each<[object, [string, string[]][]]>([
    [{ traces: { span: ['span.kind == SPAN_KIND_CLIENT'] } }, [['a', ['x', 'y']]]],
    [
      { traces: { spanevent: ['name == "y"'] } },
      [
        ['a', ['x']],
        ['b', []],
      ],
    ],
    [
      { traces: { spanevent: ['span.name == "b"', 'attributes["k"] == "x"'] } },
      [
        ['a', ['y']],
        ['b', []],
      ],
    ],
    [{ trace_conditions: ['spanevent.name == "x"', 'span.name == "b"'] }, [['a', ['y']]]],
  ])('traces: %j', (config, left) => {
    const { run, account, metric } = processorOf(filter, config, 'traces')
    const out = run(spans)!.bytes()
    const found = fieldsOf(at(out, 1, 2))
      .slice(1)
      .map(({ value }) => {
        const span = value as Buffer
        const events = fieldsOf(span).filter((each) => each.field === 11)
        return [String(at(span, 5)), events.map((each) => String(at(each.value as Buffer, 2)))]
      })
    expect(found).toEqual(left)
    expect(account.dropped('rule')).toBe(2 - left.length)
    if (left.length === 2)
      expect(metric('dropped_span_events_total')).toBe(3 - left.flatMap(([, names]) => names).length)
  })

  test('what is left of a span keeps its bytes', () => {
    const out = processorOf(filter, { traces: { spanevent: ['name == "y"'] } }, 'traces')
      .run(spans)!
      .bytes()
    const first = fieldsOf(at(out, 1, 2))[1]!.value as Buffer
    expect(plainEntries(first, 9)).toEqual({ k: 'v' })
    expect(first).toEqual(
      Buffer.concat([field(5, 'a'), int(6, 2), event('x'), int(12, 3), entries(9, { k: 'v' }) as Buffer].flat()),
    )
  })
})

describe('a condition that fails', () => {
  const input = logRequest(field(5, any(5n)), field(5, any('x')))
  const condition = 'ToLowerCase(body) == "y"'
  test.each<[string, number]>([
    ['propagate', 1],
    ['ignore', 2],
    ['silent', 2],
  ])('with %s leaves %i records', (mode, left) => {
    const { run, metric } = processorOf(filter, { error_mode: mode, logs: { log_record: [condition] } }, 'logs')
    expect(run(input)!.count).toBe(left)
    expect(metric('failed_statements_total')).toBe(1)
  })
})

test.each<[string, unknown, string]>([
  [
    'a field of another context',
    { logs: { resource: ['body == "x"'] } },
    'logs.resource.0: logs have no field "body" in the context resource',
  ],
  [
    'a function without a metric',
    { metrics: { datapoint: ['HasAttrKeyOnDatapoint("k")'] } },
    'it stands among conditions on metrics',
  ],
  ['a value alone', { drop: ['"x"'] }, 'expected a field or a comparison, got "x"'],
  [
    'a group without conditions',
    { log_conditions: [{ context: 'log' }] },
    'log_conditions.0.conditions: expected a list of conditions',
  ],
  [
    'an unknown key of a group',
    { log_conditions: [{ conditions: [], when: 1 }] },
    'unknown key when: a group has context, error_mode and conditions',
  ],
])('%s is named in the configuration', (_, config, message) => expect(faults(filter, config)).toContain(message))
