import { readFileSync } from 'node:fs'
import { inflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { decodeEnvelope } from '../../../../test/support/decode.ts'
import { Batch } from '../../../telemetry/batch.ts'
import { mapOrigins } from '../../../telemetry/origin-mapping.ts'
import { Row } from '../../../telemetry/record-index.ts'
import { batchOf } from '../../../telemetry/testing/encode.ts'
import { GrowingSink } from '../frame-sink.ts'
import { frame, readFrame } from '../frames.ts'
import { newFrameForm } from './frame-form.ts'
import { FrameWriter } from './frame-writer.ts'

/** What the syslog agent sent for one envelope, octet counts removed; recorded over TCP and HTTPS. */
interface Recorded {
  name: string
  /** `tcp:12`: recording and line. Equal ones are kept once. */
  lines: string[]
  hostname: string
  metadata: boolean
  class: keyof typeof kindsOf
  input_b64?: string
  input_zlib_b64?: string
  output_b64?: string[]
  output_zlib_b64?: string[]
  outcome: 'sent' | 'nothing' | 'unencodable' | 'crashed'
}

/** Kinds that a drain of each class gets: 1 log, 2 counter, 3 gauge, 4 timer, 5 event. */
const kindsOf = {
  LOGS: [1, 5],
  LOGS_NO_EVENTS: [1],
  METRICS: [2, 3],
  LOGS_AND_METRICS: [1, 2, 3],
  TRACES: [4],
  ALL: [1, 2, 3, 4, 5],
}

const base64 = (text: string) => Buffer.from(text, 'base64')
const inflate = (text: string) => inflateSync(base64(text))
const inputOf = (row: Recorded) => (row.input_b64 !== undefined ? base64(row.input_b64) : inflate(row.input_zlib_b64!))
const outputOf = (row: Recorded) => row.output_b64?.map(base64) ?? row.output_zlib_b64!.map(inflate)

const file = new URL('../../../../test/testdata/syslog-frames.jsonl', import.meta.url)
const rows = readFileSync(file, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Recorded)

const textsOf = (row: Recorded) => outputOf(row).map((text) => text.toString('latin1'))

/** Where we differ on purpose (docs/differences.md, "Syslog"). */
const differences: { name: string; lines: number; is(row: Recorded): boolean; check(row: Recorded): void }[] = [
  {
    name: 'a log of an unknown type has PRI 14, not -1',
    lines: 5,
    is: (row) => textsOf(row).some((text) => text.startsWith('<-1>')),
    check: (row) => expect(messagesOf(row)).toEqual(textsOf(row).map((text) => `<14>${text.slice(4)}`)),
  },
  {
    name: 'a source type above 125 bytes is cut so that the instance stays; the original ends',
    lines: 36,
    is: (row) => row.outcome === 'crashed',
    check: (row) => {
      const instance = decodeEnvelope(inputOf(row)).instance_id!.slice(0, 36)
      const procId = `[${'A'.repeat(125 - instance.length)}/${instance}]`
      expect(messagesOf(row)).toEqual([expect.stringContaining(` test-app-id ${procId} - `)])
    },
  },
]

const writer = new FrameWriter()

/** The messages for one recorded envelope, in byte order; undefined when it cannot be encoded. */
function messagesOf(row: Recorded): string[] | undefined {
  const sink = new GrowingSink(64)
  // The agent gives envelopes without a source id their origin: an edit, made real by `index`.
  const { batch } = mapOrigins(Batch.copyOf('envelopes', batchOf(inputOf(row))))
  const { rows } = batch.index()
  const at = batch.rowAt(0)
  const kind = writer.look(batch.buffer, rows[at + Row.start]!, rows[at + Row.end]!)
  if (!kindsOf[row.class].includes(kind)) return []
  const count = writer.write(newFrameForm(row), sink)
  if (count < 0) return undefined
  const messages: string[] = []
  for (let pos = 0; pos < sink.end; ) {
    pos = readFrame(sink.bytes, pos, sink.end)
    expect(pos).toBeGreaterThan(0)
    messages.push(sink.bytes.toString('latin1', frame.start, frame.end))
  }
  expect(messages.length).toBe(count)
  return messages.sort()
}

const linesOf = (some: Recorded[]) => some.flatMap(({ lines }) => lines).length

describe('the recorded envelopes', () => {
  test('are all there', () => {
    expect(linesOf(rows)).toBe(1029 + 97)
    for (const { is, lines } of differences) expect(linesOf(rows.filter(is))).toBe(lines)
  })

  test.each(rows)('$name ($lines.0)', (row) => {
    const difference = differences.find(({ is }) => is(row))
    if (difference) difference.check(row)
    else expect(messagesOf(row)).toEqual(row.outcome === 'unencodable' ? undefined : textsOf(row).sort())
  })
})
