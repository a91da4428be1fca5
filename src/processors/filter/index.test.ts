import { expect, test } from 'vitest'
import { Batch, type Format, type Processor } from '../../plugin.ts'
import { batchOf, double, envelope, field } from '../../telemetry/testing/encode.ts'
import { processorHost } from '../../telemetry/testing/processor-host.ts'
import filter from './index.ts'

function newFilter(config: unknown, format: Format = 'envelopes') {
  const { host, account, metric } = processorHost('filter')
  const made = filter.create({ config: filter.config.parse(config) as never, host, format })
  return { process: (made as Processor).process, account, metric }
}

const envelopes = ['a', 'b', 'c'].map((source) => envelope({ source, log: 'x' }))
const batch = Batch.of('envelopes', batchOf(...envelopes))

test('drops what meets any condition and counts it', () => {
  const { process, account } = newFilter({ drop: ['source_id == "a"'], envelopes: { envelope: ['source_id == "c"'] } })
  expect(process(batch)!.bytes()).toEqual(batchOf(envelopes[1]!))
  expect(account.dropped('rule')).toBe(2)
})

test('hands on nothing when nothing is left', () => {
  const { process, account } = newFilter({ drop: ['kind == "log"'] })
  expect(process(batch)).toBeUndefined()
  expect(account.dropped('rule')).toBe(3)
})

test('hands on the same batch when nothing meets a condition, or there is none', () => {
  expect(newFilter({ drop: ['kind == "timer"'] }).process(batch)).toBe(batch)
  expect(newFilter({}).process(batch)).toBe(batch)
})

test('conditions for other formats do not matter', () => {
  const config = { error_mode: 'ignore', logs: { log_record: ['body == "x"'] }, traces: { span: ['span.kind == 2'] } }
  expect(newFilter(config).process(batch)).toBe(batch)
})

test('metrics are dropped by metric and by point', () => {
  const point = (value: number) => field(1, double(4, value))
  const metric = (name: string, ...values: number[]) => field(2, [field(1, name), field(5, values.map(point))])
  const request = (...metrics: Buffer[]) => field(1, field(2, metrics))
  const input = Batch.of('metrics', request(metric('a', 1, 2), metric('b', 1, 2, 3), metric('c', 2)))
  const { process, account } = newFilter(
    { metrics: { metric: ['metric.name == "a"'], datapoint: ['value == 2'] } },
    'metrics',
  )
  expect(process(input)!.bytes()).toEqual(request(metric('b', 1, 3)))
  expect(account.dropped('rule')).toBe(4)
})

test.each<[string, unknown, string]>([
  ['is no condition', { drop: ['kind = 1'] }, 'at position 6'],
  [
    'has a context that there is not',
    { log_conditions: [{ context: 'span', conditions: [] }] },
    'logs have no context',
  ],
  ['is flat and wrong', { trace_conditions: ['span.nam == "x"'] }, 'have no field "span.nam"'],
  ['has a field of no format', { drop: ['kind == "log" and nothing == 1'] }, 'at position 19'],
  ['has a field of another format', { logs: { log_record: ['metric.name == "x"'] } }, 'have no field "metric.name"'],
  ['is no text', { drop: [5] }, 'expected a condition, got the number 5'],
])('a setting that %s says so', (_, config, message) => {
  expect(filter.config.safeParse(config).error?.issues[0]?.message).toContain(message)
})

test('a condition for another format than the pipeline carries says so when the processor is made', () => {
  expect(() => newFilter({ drop: ['metric.name == "x"'] })).toThrow('envelopes have no field "metric.name"')
})
