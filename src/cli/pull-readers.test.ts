import { expect, test } from 'vitest'
import { serviceFields } from '../config/schema.ts'
import { pullReaders } from './pull-readers.ts'

const read = (metrics: object | undefined) =>
  pullReaders(serviceFields.parse({ telemetry: metrics && { metrics } })).map(({ host, port }) => `${host}:${port}`)

const reader = (prometheus: object) => ({ pull: { exporter: { prometheus } } })

test.each<[string, object | undefined, string[]]>([
  ['nothing written: nothing is opened', undefined, []],
  ['a level alone', { level: 'basic' }, ['localhost:8888']],
  ['in capitals', { level: 'Normal' }, ['localhost:8888']],
  ['none', { level: 'none', readers: [reader({})] }, []],
  ['a reader', { readers: [reader({ host: '127.0.0.1', port: 14830 })] }, ['127.0.0.1:14830']],
  ['a reader without an address', { readers: [reader({})] }, ['localhost:8888']],
  ['the older spelling', { address: ':8889' }, ['0.0.0.0:8889']],
  ['only what is sent', { level: 'normal', readers: [{ periodic: { exporter: { console: {} } } }] }, []],
])('%s', (_name, metrics, expected) => expect(read(metrics)).toEqual(expected))

test('texts for bad values', () => {
  const faults = (metrics: object) =>
    serviceFields.safeParse({ telemetry: { metrics } }).error?.issues.map((issue) => issue.message)
  expect(faults({ level: 'loud' })).toEqual(['unknown metrics level "loud"'])
  expect(faults({ level: 'basic', readers: [] })).toEqual([
    'collector telemetry metrics reader should exist when metric level is not none',
  ])
  expect(faults({ level: 'none', readers: [] })).toBeUndefined()
})
