import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type DecodedEnvelope, decodeEnvelopes } from '../../../test/support/decode-envelopes.ts'
import { ForwardWriter } from '../forward-writer.ts'
import { writePageEnvelopes } from './envelopes.ts'
import { parseErrorText, parsePage } from './parse.ts'
import { newTarget, type TargetOptions } from './target.ts'

interface Row {
  line: number
  target: TargetOptions
  input_b64: string
  output: DecodedEnvelope[]
  error?: string
  skipped?: string[]
}

const file = new URL('../../../test/testdata/prom-scraper.jsonl', import.meta.url)
const rows: Row[] = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))

/** Where we leave the original on purpose (docs/differences.md), by line of the recording. */
const differences: Record<number, { reason: string; totals: Record<string, string | undefined> }> = {
  174: { reason: 'fractional histogram counts are truncated, not zeroed', totals: { h_count: '7', h_bucket: '5' } },
  186: { reason: 'a NaN count does not zero the buckets beside it', totals: { h_count: undefined, h_bucket: '1' } },
}

/** Keys sorted, so that map order does not matter; numbers as doubles, as protobuf JSON of either side reads back. */
function canonical(envelopes: readonly DecodedEnvelope[]): string[] {
  return envelopes.map((envelope) => sortedJson({ ...envelope, timestamp: undefined })).sort()
}

function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_, inner) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : Object.is(inner, -0)
        ? 0
        : inner,
  )
}

function expected(row: Row): DecodedEnvelope[] {
  const difference = differences[row.line]
  if (!difference) return row.output
  return row.output.map((envelope) => {
    const name = envelope.counter?.name
    if (name === undefined || !(name in difference.totals)) return envelope
    const total = difference.totals[name]
    return { ...envelope, counter: total === undefined ? { name } : { name, total } }
  })
}

describe('recorded pages of the original Prom Scraper', () => {
  test.each(rows.map((row) => [row.line, row] as const))('line %i', (_, row) => {
    const parsed = parsePage(Buffer.from(row.input_b64, 'base64'))
    if (row.error !== undefined) {
      expect(parsed.error && parseErrorText(parsed.error)).toBe(row.error)
      return
    }
    expect(parsed.error).toBeNull()
    const out = new ForwardWriter()
    const skipped: string[] = []
    writePageEnvelopes(parsed.page!, newTarget(row.target), 1, 0, out, (text) => skipped.push(text))
    expect(canonical(decodeEnvelopes(out.take()))).toEqual(canonical(expected(row)))
    expect(skipped).toEqual(row.skipped ?? [])
  })
})
