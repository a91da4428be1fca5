import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameReader, type FrameReaderOptions, frameMessage } from './frames.ts'
import { GrpcCode } from './status.ts'

function reader(options: Partial<FrameReaderOptions> = {}) {
  const messages: Buffer[] = []
  let held = 0
  const frames = new FrameReader({
    maxBytes: 1 << 20,
    onMessage: (bytes, start, end) => messages.push(Buffer.from(bytes.subarray(start, end))),
    onHeld: (change) => {
      held += change
    },
    ...options,
  })
  return { frames, messages, held: () => held }
}

const flagged = (body: Buffer, flag: number) => {
  const framed = frameMessage(body)
  framed[0] = flag
  return framed
}

test('frames parts as one message', () =>
  expect(frameMessage([Buffer.from('ab'), Buffer.from('c')]).toString('hex')).toBe('0000000003616263'))

test('a message inside one chunk is handed on without a copy', () => {
  const chunk = frameMessage(Buffer.from('hello'))
  let given: Buffer | undefined
  const frames = new FrameReader({
    maxBytes: 10,
    onMessage: (bytes) => {
      given = bytes
    },
  })
  frames.push(chunk)
  expect(given).toBe(chunk)
})

test.each([1, 2, 4, 5, 6, 7, 100])('messages cut into chunks of %d bytes arrive whole', (size) => {
  const sent = [Buffer.from('one'), Buffer.alloc(0), Buffer.alloc(300, 7), Buffer.alloc(0), Buffer.from('z')]
  const bytes = Buffer.concat(sent.map((body) => frameMessage(body)))
  const { frames, messages, held } = reader()
  for (let at = 0; at < bytes.length; at += size) frames.push(bytes.subarray(at, at + size))
  expect(messages).toEqual(sent)
  expect(frames.partial).toBe(false)
  expect(held()).toBe(0)
})

test('any sizes and any cuts give the same messages back', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(200_000), { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 20 }),
      (sizes, cuts) => {
        const sent = sizes.map((size, index) => Buffer.alloc(size, index + 1))
        const bytes = Buffer.concat(sent.map((body) => frameMessage(body)))
        const { frames, messages, held } = reader()
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const next = at + cuts[i % cuts.length]!
          frames.push(bytes.subarray(at, next))
          at = next
        }
        return messages.length === sent.length && messages.every((body, i) => body.equals(sent[i]!)) && held() === 0
      },
    ),
    { numRuns: 60 },
  )
})

test('random bytes end in messages or in a GrpcError, never in anything else', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 10 }), (chunks) => {
      const { frames } = reader({ maxBytes: 40, encoding: 'gzip' })
      try {
        for (const chunk of chunks) frames.push(Buffer.from(chunk))
      } catch (error) {
        expect(error).toHaveProperty('code')
      }
    }),
  )
})

test('a prefix alone reserves little: memory follows what has arrived', () => {
  const { frames, held } = reader({ maxBytes: 0xffffffff })
  frames.push(Buffer.from([0, 0xf0, 0, 0, 0, 1, 2, 3]))
  expect(held()).toBeLessThanOrEqual(256 * 1024)
  frames.close()
  expect(held()).toBe(0)
})

test('pause holds back the rest of the chunk, resume delivers it', () => {
  const messages: string[] = []
  const frames: FrameReader = new FrameReader({
    maxBytes: 100,
    onMessage: (bytes, start, end) => {
      messages.push(bytes.toString('latin1', start, end))
      frames.pause()
    },
  })
  frames.push(Buffer.concat(['a', 'b', 'c'].map((text) => frameMessage(Buffer.from(text)))))
  expect([messages.join(''), frames.waiting]).toEqual(['a', true])
  frames.resume()
  frames.resume()
  expect([messages.join(''), frames.waiting]).toEqual(['abc', false])
})

describe('limits', () => {
  const failure = (bytes: Buffer, options: Partial<FrameReaderOptions>) => {
    try {
      reader(options).frames.push(bytes)
    } catch (error) {
      const { code, message } = error as { code: number; message: string }
      return [code, message]
    }
    return undefined
  }
  const zipped = gzipSync(Buffer.alloc(2000))

  test.each<[string, Buffer, Partial<FrameReaderOptions>, [number, string]]>([
    [
      'a long message',
      frameMessage(Buffer.alloc(11)),
      { maxBytes: 10 },
      [8, 'grpc: received message larger than max (11 vs. 10)'],
    ],
    [
      'a message that unpacks to too much',
      flagged(zipped, 1),
      { maxBytes: 1000, encoding: 'gzip' },
      [8, 'grpc: received message after decompression larger than max 1000'],
    ],
    [
      'a compressed message nobody announced',
      flagged(zipped, 1),
      {},
      [13, 'grpc: compressed flag set with identity or empty encoding'],
    ],
    [
      'an unknown encoding',
      flagged(zipped, 1),
      { encoding: 'snappy' },
      [12, 'grpc: Decompressor is not installed for grpc-encoding "snappy"'],
    ],
    ['an unknown flag', flagged(Buffer.from('x'), 2), {}, [13, 'grpc: received unexpected payload format 2']],
  ])('%s is refused', (_name, bytes, options, expected) => expect(failure(bytes, options)).toEqual(expected))

  test('a message of exactly the limit is taken, packed or not', () => {
    const body = Buffer.alloc(1000, 1)
    const { frames, messages } = reader({ maxBytes: 1000, encoding: 'gzip' })
    frames.push(frameMessage(body))
    frames.push(flagged(gzipSync(body), 1))
    expect(messages).toEqual([body, body])
  })

  test('four bytes of length are unsigned', () =>
    expect(failure(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]), {})?.[1]).toContain('(4294967295 vs. 1048576)'))
})

test('what is assembled is charged to memory, and a message that does not fit is refused', () => {
  let used = 0
  const memory = {
    fits: (bytes: number) => used + bytes <= 300_000,
    maxBytes: 300_000,
    room: () => 300_000 - used,
    take(bytes: number) {
      used += bytes
    },
    give(bytes: number) {
      used -= bytes
    },
  }
  const { frames, messages } = reader({ memory })
  const framed = frameMessage(Buffer.alloc(200_000, 1))
  frames.push(framed.subarray(0, 100_000))
  expect(used).toBeGreaterThan(100_000)
  frames.push(framed.subarray(100_000))
  expect(messages).toHaveLength(1)
  expect(used).toBe(0)
  const large = frameMessage(Buffer.alloc(1_000_000, 1))
  const pushAll = () => {
    for (let at = 0; at < large.length; at += 50_000) frames.push(large.subarray(at, at + 50_000))
  }
  expect(pushAll).toThrow(
    expect.objectContaining({
      message: 'no memory left to take a message of 1000000 bytes',
      code: GrpcCode.unavailable,
      retryDelayMs: 1000,
    }),
  )
  expect(used).toBe(0)
})
