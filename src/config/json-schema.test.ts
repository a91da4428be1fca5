import { describe, expect, test } from 'vitest'
import { describeOptions, optionTable } from './describe.ts'
import { block, duration, either, endpoint, int, list, map, object, oneOf, secret, text, tlsClient } from './fields.ts'
import { configJsonSchema } from './json-schema.ts'

const config = object({
  endpoint: endpoint().default('127.0.0.1:8125').describe('Where to listen.'),
  mode: oneOf(['a', 'b']).describe('One | the other.'),
  timeout: duration().default('5s').describe('How long.').meta({ unit: 'ms' }),
  password: secret().optional(),
  tls: tlsClient().optional().describe('TLS.'),
  hosts: list(object({ name: text() })).default([]),
  drains: map(object({ url: text().describe('Target.') })).default({}),
  grpc: block({ port: int().default(1).describe('Port.') }).describe('On or off.'),
  tags: either(map(), list()).optional(),
})

test('option rows name every key with type, default, unit and text', () => {
  const rows = describeOptions(config).filter(({ key }) => !key.startsWith('tls.') || key === 'tls.insecure')
  expect(rows.map((row) => [row.key, row.type, row.default, row.unit, row.doc])).toEqual([
    ['endpoint', 'endpoint', '127.0.0.1:8125', '', 'Where to listen.'],
    ['mode', 'one of a, b', 'required', '', 'One | the other.'],
    ['timeout', 'duration', '5s', 'ms', 'How long.'],
    ['password', 'secret', '', '', ''],
    ['tls', 'block', '', '', 'TLS.'],
    ['tls.insecure', 'bool', 'false', '', 'No TLS at all.'],
    ['hosts', 'list of block', '[]', '', ''],
    ['hosts[].name', 'text', 'required', '', ''],
    ['drains', 'map of block', '{}', '', ''],
    ['drains.*.url', 'text', 'required', '', 'Target.'],
    ['grpc', 'block', '', '', 'On or off.'],
    ['grpc.port', 'int', '1', '', 'Port.'],
    ['tags', 'map of text or list of text', '', '', ''],
  ])
})

test('the table escapes what Markdown would read', () => {
  const rows = describeOptions(object({ mode: oneOf(['a', 'b']).default('a').describe('One | the other.') }))
  expect(optionTable(rows)).toBe(
    '| Key | Type | Default | Description |\n| --- | --- | --- | --- |\n| `mode` | one of a, b | `a` | One \\| the other. |',
  )
})

describe('the JSON Schema of the whole tree', () => {
  const schema = configJsonSchema([{ kind: 'receiver', type: 'statsd', aliases: ['stats'], config }]) as {
    $schema: string
    properties: unknown
  }
  const receivers = (schema.properties as Record<string, Record<string, Record<string, unknown>>>).receivers!

  test('has each component under its type, with or without a name', () => {
    const [pattern] = Object.keys(receivers.patternProperties!)
    expect(['statsd', 'statsd/2', 'statsdx'].map((id) => new RegExp(pattern!).test(id))).toEqual([true, true, false])
    expect(Object.keys(receivers.patternProperties!)).toHaveLength(2)
  })

  test('has options with docs and defaults, and refuses other keys', () => {
    const statsd = Object.values(receivers.patternProperties!)[0] as {
      properties: Record<string, object>
      required: string[]
      additionalProperties: boolean
    }
    expect(statsd.properties.endpoint).toMatchObject({ default: '127.0.0.1:8125', description: 'Where to listen.' })
    expect(statsd.required).toEqual(['mode'])
    expect(statsd.additionalProperties).toBe(false)
  })

  test('is plain JSON', () => {
    expect(JSON.parse(JSON.stringify(schema))).toEqual(schema)
    expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema')
  })
})
