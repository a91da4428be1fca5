import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeEnvelope,
  decodeEnvelopeBatch,
  decodeV1List,
  encodeV1,
  frameRecords,
  type Message,
} from '../../../test/support/decode.ts'
import { readGolden } from '../../../test/support/golden.ts'
import { BackwardWriter } from '../protobuf.ts'
import { rowsOf } from './rows.ts'
import { newV1Tagger, noV1Defaults, writeTaggedV1 } from './v1-edit.ts'
import { convertV1ToV2 } from './v1-to-v2.ts'
import { checkV1, V1Verdict, v1Reason } from './v1-validate.ts'

const convert = (records: readonly Uint8Array[], preferredTags = true) => {
  const out = new BackwardWriter(64)
  const counts = convertV1ToV2(rowsOf(frameRecords(records)), { preferredTags }, out)
  return { counts, envelopes: decodeEnvelopeBatch(out.take()) }
}

const tagged = (record: Uint8Array, tagger = noV1Defaults): Buffer => {
  const out = new BackwardWriter(64)
  expect(writeTaggedV1(record, 0, record.length, tagger, out)).toBe(true)
  const list = out.take()
  const rows = rowsOf(list)
  return list.subarray(rows.spans[0], rows.spans[1])
}

const value = (more: Message = {}): Message => ({
  origin: 'doppler',
  eventType: 6,
  valueMetric: { name: 'n', value: 1, unit: 'u' },
  ...more,
})

describe('Doppler, v1 in and v2 out, as recorded', () => {
  test.each(readGolden('doppler-v1-to-v2'))('$name', ({ input, output }) => {
    const { envelopes, counts } = convert([input])
    expect(envelopes).toEqual(output.map(decodeEnvelope))
    expect(counts.made + counts.malformed).toBe(1)
  })
})

describe('UDP forwarder, as recorded', () => {
  // The original loses what is not UTF-8 together with its whole batch; we repair it.
  const repairedHere = ['origin not UTF-8', 'tag not UTF-8']

  test.each(readGolden('udp-forwarder'))('$name', ({ name, input, output, settings, log }) => {
    const verdict = checkV1(input, 0, input.length)
    if (repairedHere.includes(name)) {
      expect(convert([tagged(input)]).counts).toEqual({ made: 1, malformed: 0, repaired: expect.any(Number) })
      return
    }
    if (output.length === 0) {
      expect(log).toMatch(
        `: ${v1Reason(verdict)}`.replace(': validation', ': validation').replace(': proto', ' error proto'),
      )
      return
    }
    expect(verdict).toBe(V1Verdict.accepted)
    const { DEPLOYMENT = '', JOB = '', INDEX = '', IP = '' } = settings
    const tagger = newV1Tagger({ deployment: DEPLOYMENT, job: JOB, index: INDEX, ip: IP })
    expect(convert([tagged(input, tagger)]).envelopes).toEqual(output.map(decodeEnvelope))
  })
})

describe('convertV1ToV2', () => {
  test('keeps the order of the records and leaves out those that do not parse', () => {
    const records = ['a', 'b', 'c'].map((origin) => encodeV1(value({ origin, tags: { source_id: origin } })))
    const { envelopes, counts } = convert([records[0]!, Buffer.from([0xff]), records[1]!, Buffer.alloc(0), records[2]!])
    expect(envelopes.map((envelope) => envelope.source_id)).toEqual(['a', 'b', 'c'])
    expect(counts).toEqual({ made: 3, malformed: 2, repaired: 0 })
  })

  test('without preferred tags every tag is a deprecated text', () => {
    const [envelope] = convert([encodeV1(value({ tags: { k: 'v' } }))], false).envelopes
    expect(envelope!.tags).toBeUndefined()
    expect(envelope!.deprecated_tags).toMatchObject({
      k: { text: 'v' },
      origin: { text: 'doppler' },
      job: { text: '' },
    })
  })

  test('the source id is deployment/job without a source_id tag', () => {
    const [envelope] = convert([encodeV1(value({ deployment: 'some-deployment', job: 'some-job' }))]).envelopes
    expect(envelope!.source_id).toBe('some-deployment/some-job')
  })

  test('puts U+FFFD where a v1 string is no UTF-8, and counts it', () => {
    const bad = Buffer.from([0x61, 0xff, 0x62])
    const record = Buffer.concat([encodeV1(value()), Buffer.from([0x72, 3]), bad])
    const { envelopes, counts } = convert([record])
    expect(envelopes[0]!.tags.job).toBe('a\ufffdb')
    expect(counts).toEqual({ made: 1, malformed: 0, repaired: 2 })
  })

  test('a log of 60000 bytes keeps its payload', () => {
    const message = Buffer.alloc(60_000, 'x')
    const record = encodeV1({
      origin: 'o',
      eventType: 5,
      logMessage: { message, messageType: 1, timestamp: 1n, appId: 'a' },
    })
    expect(convert([record]).envelopes[0]!.log.payload).toEqual(message)
  })

  test('an envelope with very many tags takes linear time', () => {
    const tags = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`k${i}`, 'v']))
    const [envelope] = convert([encodeV1(value({ tags }))]).envelopes
    expect(Object.keys(envelope!.tags)).toHaveLength(20_006)
  })
})

describe('writeTaggedV1', () => {
  test('fills header fields only when absent, and source_id when missing or empty', () => {
    const record = encodeV1(value({ job: '', ip: 'own', tags: { source_id: '' } }))
    const tagger = newV1Tagger({ deployment: 'cf', job: 'router', index: '0', ip: '10.0.0.1' })
    const [first] = decodeV1List(frameRecords([tagged(record, tagger)]))
    expect(first).toMatchObject({ deployment: 'cf', job: '', index: '0', ip: 'own', tags: { source_id: 'doppler' } })
  })

  test('keeps a source_id that is set, and every byte of what came in', () => {
    const record = encodeV1(value({ tags: { source_id: 'own' } }))
    expect(tagged(record)).toEqual(record)
  })
})

describe('any bytes', () => {
  const bytes = fc.uint8Array({ maxLength: 200 })
  const damaged = fc
    .tuple(fc.constantFrom(...readGolden('udp-forwarder').map((row) => row.input)), fc.nat(), fc.nat(255))
    .map(([input, at, byte]) => {
      const copy = Buffer.from(input)
      if (copy.length > 0) copy[at % copy.length] = byte
      return copy
    })

  test('never throw, and what comes out is a sound batch', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(bytes, damaged), { maxLength: 4 }), (records) => {
        for (const record of records) v1Reason(checkV1(record, 0, record.length))
        const { envelopes, counts } = convert(records)
        expect(envelopes).toHaveLength(counts.made)
        expect(counts.made + counts.malformed).toBe(records.length)
      }),
    )
  })

  test('a datagram cut anywhere is never read past its end', () => {
    for (const { input } of readGolden('udp-forwarder')) {
      for (let end = 0; end < Math.min(input.length, 300); end++) convert([input.subarray(0, end)])
    }
  })
})
