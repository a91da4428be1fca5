import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type DecodedEnvelope, decodeEnvelopes } from '../../../test/support/decode-envelopes.ts'
import { ForwardWriter } from '../forward-writer.ts'
import { Injector, malformedLineText } from './injector.ts'

interface Row {
  line: number
  fresh: boolean
  input_b64: string
  output: DecodedEnvelope[]
  log?: string[]
  outcome?: string
}

const file = new URL('../../../test/testdata/statsd-injector.jsonl', import.meta.url)
const rows: Row[] = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))

const gauge = (source_id: string, name: string, value: number, unit: string, tags = {}): DecodedEnvelope => ({
  timestamp: '',
  source_id,
  tags: { origin: source_id, ...tags },
  gauge: { metrics: { [name]: { unit, value } } },
})

/** Where we leave the original on purpose (docs/differences.md): it crashes or loses its stream on these lines. */
const differences: Record<number, DecodedEnvelope> = {
  81: gauge('o', 'n', 1, 'gauge'),
  82: gauge('o', 'n', 1, 'gauge'),
  86: gauge('\ufffd', 'n', 1, 'gauge'),
  88: gauge('o', '\ufffd', 1, 'gauge'),
  90: gauge('o', 'n', 1, 'counter'),
  91: gauge('o', 'n', 1, 'counter', { a: 'b' }),
  92: gauge('o', 'n', 1, 'counter', { a: 'b' }),
  93: gauge('o', 'n', 1, 'counter'),
}

function normal(envelopes: DecodedEnvelope[]): unknown[] {
  return envelopes.map((envelope) => ({ ...envelope, timestamp: undefined }))
}

describe('recorded datagrams of the original StatsD injector', () => {
  let injector: Injector
  let log: string[] = []
  test.each(rows.map((row) => [row.line, row] as const))('line %i', (_, row) => {
    if (row.fresh) {
      const onMalformed = (bytes: Buffer, start: number, end: number) => log.push(malformedLineText(bytes, start, end))
      injector = new Injector({ maxSeries: 100, onMalformed })
    }
    log = []
    const out = new ForwardWriter()
    injector.write(Buffer.from(row.input_b64, 'base64'), 1, 0, out)
    const found = normal(decodeEnvelopes(out.take()))
    const difference = differences[row.line]
    if (difference) {
      expect(row.outcome).toMatch(/process crashed|nothing sent/)
      expect(found).toEqual(normal([difference]))
    } else {
      expect(found).toEqual(normal(row.output))
      expect(log).toEqual(row.log ?? [])
    }
  })
})
