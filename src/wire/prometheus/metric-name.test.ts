import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { labelName, metricName, type NamedAs } from './metric-name.ts'

const named = (name: string, unit: string, as: NamedAs, namespace = '', addSuffixes = true) =>
  metricName(name, unit, as, { namespace, addSuffixes })

describe('the name of a metric', () => {
  test.each<[string, string, NamedAs, string]>([
    ['http.server.duration', 's', 'other', 'http_server_duration_seconds'],
    ['http.server.duration', 'ms', 'other', 'http_server_duration_milliseconds'],
    ['duration_seconds', 's', 'other', 'duration_seconds'],
    ['requests', '', 'counter', 'requests_total'],
    ['requests', '{request}', 'counter', 'requests_total'],
    ['requests.total', '1', 'counter', 'requests_total'],
    ['total.requests', '', 'counter', 'requests_total'],
    ['io', 'By', 'counter', 'io_bytes_total'],
    ['io', 'By/s', 'gauge', 'io_bytes_per_second'],
    ['rate', '1/s', 'gauge', 'rate_per_second'],
    ['rate', '{packet}/s', 'gauge', 'rate_per_second'],
    ['rate', 'By/fortnight', 'gauge', 'rate_bytes_per_fortnight'],
    ['cpu.utilization', '1', 'gauge', 'cpu_utilization_ratio'],
    ['cpu.utilization', '1', 'other', 'cpu_utilization'],
    ['used', '%', 'gauge', 'used_percent'],
    ['heat', 'Cel', 'gauge', 'heat_celsius'],
    ['odd', 'm/h', 'gauge', 'odd_meters_per_hour'],
    ['odd', 'my unit', 'gauge', 'odd_my_unit'],
    ['a..b__c', '', 'gauge', 'a_b_c'],
    ['job:rate:sum', '', 'gauge', 'job:rate:sum'],
    ['2xx', '', 'gauge', '_2xx'],
    ['größe', '', 'gauge', 'gr_e'],
    ['日本', '', 'gauge', ''],
    ['', 's', 'gauge', ''],
    ['__', '', 'gauge', ''],
  ])('%s (%s, %s) is %s', (name, unit, as, expected) => expect(named(name, unit, as)).toBe(expected))

  test.each([
    ['http.server.duration', 'http_server_duration'],
    ['a__b', 'a__b'],
    ['2xx', '_2xx'],
    ['.a.', 'a'],
  ])('without suffixes %s is %s', (name, expected) => expect(named(name, 's', 'counter', '', false)).toBe(expected))

  test('has the namespace in front', () => {
    expect(named('2xx', '', 'counter', 'my.app')).toBe('my_app_2xx_total')
    expect(named('2xx', '', 'counter', 'my.app', false)).toBe('my_app_2xx')
  })

  test('is legal or nothing, whatever is written', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), fc.boolean(), (name, unit, addSuffixes) => {
        expect(named(name, unit, 'counter', '', addSuffixes)).toMatch(/^([a-zA-Z_:][a-zA-Z0-9_:]*)?$/)
      }),
    )
  })
})

describe('the name of a label', () => {
  test.each([
    ['http.method', 'http_method'],
    ['a', 'a'],
    ['2xx', 'key_2xx'],
    ['_x', 'key_x'],
    ['.x', 'key_x'],
    ['__x', '__x'],
    ['größe', 'gr__e'],
    ['😀a', 'key_a'],
    ['日本', ''],
    ['', ''],
  ])('%s is %s', (key, expected) => expect(labelName(key)).toBe(expected))

  test('is legal or nothing, whatever is written', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (key) => {
        expect(labelName(key)).toMatch(/^([a-zA-Z_][a-zA-Z0-9_]*)?$/)
      }),
    )
  })
})
