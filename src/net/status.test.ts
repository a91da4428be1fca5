import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  codeForHttp,
  codeForReset,
  codeName,
  decodeGrpcMessage,
  encodeGrpcMessage,
  GrpcError,
  readRetryDelay,
  writeRetryInfo,
} from './status.ts'

describe('grpc-message', () => {
  test.each([
    ['plain: text', 'plain: text'],
    ['50%', '50%25'],
    ['ü', '%C3%BC'],
    ['a\nb', 'a%0Ab'],
    ['~ !', '~ !'],
    ['\x7f', '%7F'],
  ])('%j travels as %s', (text, encoded) => {
    expect(encodeGrpcMessage(text)).toBe(encoded)
    expect(decodeGrpcMessage(encoded)).toBe(text)
  })

  test.each([
    ['100%', '100%'],
    ['%zz', '%zz'],
    ['%4', '%4'],
    ['a%20b%', 'a b%'],
  ])('keeps a stray percent sign: %s', (text, decoded) => expect(decodeGrpcMessage(text)).toBe(decoded))

  test('every text survives', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => decodeGrpcMessage(encodeGrpcMessage(text)) === text),
    )
  })
})

describe('RetryInfo', () => {
  const type = 'type.googleapis.com/google.rpc.RetryInfo'
  // google.rpc.Status of code 8, message "slow", RetryInfo of 1.5 s, as protobuf-go writes it.
  const known = Buffer.from(
    '0808' +
      '1204736c6f77' +
      '1a34' +
      '0a28' +
      Buffer.from('type.googleapis.com/google.rpc.RetryInfo').toString('hex') +
      '1208' +
      '0a06' +
      '0801' +
      '1080cab5ee01',
    'hex',
  )

  test('is read from a status of protobuf-go', () => expect(readRetryDelay(fixed(known))).toBe(1500))

  test.each([
    ['a second ago', 'ffffffffffffffffff01', '00', 0],
    ['nanoseconds ago', '00', 'ffffffffffffffffff01', 0],
    ['in ten years', '8086b09601', '00', 315_360_000_000],
    ['in 2^33 seconds', '8080808020', '00', 2 ** 33 * 1000],
  ])('of a time %s', (_when, seconds, nanos, expected) => {
    const field = (tag: number, hex: string) =>
      Buffer.concat([Buffer.from([tag, hex.length / 2]), Buffer.from(hex, 'hex')])
    const info = field(0x0a, `08${seconds}10${nanos}`)
    const any = Buffer.concat([field(0x0a, Buffer.from(type).toString('hex')), field(0x12, info.toString('hex'))])
    expect(readRetryDelay(field(0x1a, any.toString('hex')))).toBe(expected)
  })

  test('is written the same way', () =>
    expect(writeRetryInfo(8, 'slow', 1500).toString('hex')).toBe(fixed(known).toString('hex')))

  test.each([0, 1, 250, 1000, 61_001.5])('of %d ms survives', (ms) =>
    expect(readRetryDelay(writeRetryInfo(14, 'later', ms))).toBe(ms),
  )

  test('comes with the error that asks for it', () => {
    const error = new GrpcError(14, 'later', { retryDelayMs: 3000 })
    expect(new GrpcError(14, 'later', { details: error.details }).retryDelayMs).toBe(3000)
  })

  test('malformed bytes are no RetryInfo and no exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        readRetryDelay(bytes)
      }),
    )
    fc.assert(
      fc.property(fc.nat(fixed(known).length), (cut) => {
        readRetryDelay(fixed(known).subarray(0, cut))
      }),
    )
  })
})

/** Writes the two lengths that depend on the text. */
function fixed(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  const any = copy.indexOf(0x1a)
  copy[any + 1] = copy.length - any - 2
  const duration = copy.lastIndexOf(Buffer.from([0x08, 0x01, 0x10]))
  copy[duration - 1] = copy.length - duration
  copy[duration - 3] = copy.length - duration + 2
  return copy
}

test.each([
  [200, 2],
  [400, 13],
  [401, 16],
  [403, 7],
  [404, 12],
  [429, 14],
  [502, 14],
  [503, 14],
  [504, 14],
  [500, 2],
])('HTTP %d is code %d', (http, code) => expect(codeForHttp(http)).toBe(code))

test.each([
  [7, 14],
  [8, 1],
  [11, 8],
  [12, 7],
  [2, 13],
])('reset %d is code %d', (reset, code) => expect(codeForReset(reset)).toBe(code))

test('names codes for people', () => expect([codeName(8), codeName(99)]).toEqual(['RESOURCE_EXHAUSTED', 'CODE(99)']))
