// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are what is tested
import { expect, test } from 'vitest'
import { catalogue } from './catalogue.fixture.ts'
import { effectiveConfig } from './effective.ts'
import { loadConfig } from './load.ts'
import { validate } from './validate.ts'

const text = `
receivers: {statsd: {endpoint: "127.0.0.1:\${PORT}"}}
exporters:
  otlp:
    endpoint: \${PEER}
    headers:
      x-any: \${KEY}
      plain: written
  other:
    password: hunter2
    url: http://me:pw@host/
    count: \${COUNT}
    zip: \${ZIP}
    list: \${LIST}
`
const env = { PORT: '8125', PEER: 'peer:4317', KEY: 'abc', COUNT: '12', ZIP: '0123', LIST: '[a, b]' }

async function effective(masked: boolean) {
  const loaded = loadConfig(['a.yaml'], { set: ['receivers.statsd.on=true'], env, readFile: () => text })
  await validate(loaded, catalogue)
  return effectiveConfig(loaded, { masked })
}

test('references are replaced, files merged, secrets masked', async () => {
  expect(await effective(true)).toEqual({
    receivers: { statsd: { endpoint: '127.0.0.1:8125', on: true } },
    exporters: {
      otlp: { endpoint: 'peer:4317', headers: { 'x-any': '[REDACTED]', plain: '[REDACTED]' } },
      other: { password: '[REDACTED]', url: 'http://[REDACTED]@host/', count: 12, zip: '0123', list: ['a', 'b'] },
    },
  })
})

test('unredacted shows them', async () => {
  expect(await effective(false)).toMatchObject({
    exporters: {
      otlp: { headers: { 'x-any': 'abc', plain: 'written' } },
      other: { password: 'hunter2', url: 'http://me:pw@host/' },
    },
  })
})
