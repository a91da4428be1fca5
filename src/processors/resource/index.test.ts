import { expect, test } from 'vitest'
import { faults, processorOf } from '../../ottl/testing/run.ts'
import { at, entries, metricRequest, plainEntries, traceRequest } from '../../ottl/testing/samples.ts'
import { field, int } from '../../telemetry/testing/encode.ts'
import { fieldsOf } from '../../telemetry/testing/strict-decoder.ts'
import resource from './index.ts'

const actions = [
  { key: 'service.name', value: 'other', action: 'update' },
  { key: 'env', value: 'prod', action: 'insert' },
]

test('changes the resource once, whatever is in it', () => {
  const span = (name: string) => [field(5, name), entries(9, { env: 'own' })]
  const input = traceRequest(span('a'), span('b'))
  const out = processorOf(resource, { attributes: actions }, 'traces').run(input)!.bytes()
  expect(plainEntries(at(out, 1, 1), 1)).toEqual({ 'service.name': 'other', env: 'prod' })
  expect(plainEntries(at(out, 1, 2, 2), 9)).toEqual({ env: 'own' })
  expect(fieldsOf(at(out, 1, 2))).toEqual(fieldsOf(at(input, 1, 2)))
})

test('makes a resource where there is none', () => {
  const input = field(1, field(2, field(2, [field(1, 'm'), field(5, field(1, int(41, 1)))])))
  const out = processorOf(resource, { attributes: actions }, 'metrics').run(input)!.bytes()
  expect(plainEntries(at(out, 1, 1), 1)).toEqual({ env: 'prod' })
})

test('each resource of a request', () => {
  const one = metricRequest([field(1, 'm'), field(5, field(1, int(41, 1)))])
  const out = processorOf(resource, { attributes: actions }, 'metrics')
    .run(Buffer.concat([one, one]))!
    .bytes()
  expect(fieldsOf(out).map(({ value }) => plainEntries(at(value as Buffer, 1), 1).env)).toEqual(['prod', 'prod'])
})

test('a list of actions is required', () => expect(faults(resource, {})).toContain('attributes: is required'))
