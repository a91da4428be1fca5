import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HttpResponse } from './http-response.ts'

function read(text: string, step = text.length) {
  const response = new HttpResponse()
  let state: string = 'more'
  for (let pos = 0; pos < text.length && state === 'more'; pos += step)
    state = response.feed(Buffer.from(text.slice(pos, pos + step), 'latin1'))
  return { state, status: response.status, keepAlive: response.keepAlive, closed: response.closed() }
}

const done = (status: number, keepAlive: boolean) => ({ state: 'done', status, keepAlive, closed: false })

const good: [string, string, ReturnType<typeof read>][] = [
  ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', done(200, true)],
  ['no reason', 'HTTP/1.1 204 \r\n\r\n', done(204, true)],
  ['not even the space of one', 'HTTP/1.1 500\r\ncontent-length:0\r\n\r\n', done(500, true)],
  ['close', 'HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n', done(200, false)],
  ['the old version', 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n', done(200, false)],
  ['the old version, kept', 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n', done(200, true)],
  [
    'chunks',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nabcd\r\nA\r\n0123456789\r\n0\r\nT: t\r\n\r\n',
    done(200, true),
  ],
  [
    'an interim answer',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n',
    done(201, true),
  ],
  ['bytes nobody asked for', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP', done(200, false)],
  ['two equal lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx', done(200, true)],
]

test.each(good)('an answer with %s', (_, text, expected) => {
  expect(read(text)).toEqual(expected)
})

test.each(good.filter(([name]) => name !== 'bytes nobody asked for'))(
  'an answer with %s, byte by byte',
  (_, text, expected) => {
    expect(read(text, 1)).toEqual(expected)
  },
)

test('the same instance reads one answer after the other', () => {
  const response = new HttpResponse()
  for (const [, text, expected] of [...good, ...good]) {
    for (let twice = 0; twice < 2; twice++) {
      response.reset()
      const state = response.feed(Buffer.from(text, 'latin1'))
      expect({ state, status: response.status, keepAlive: response.keepAlive, closed: response.closed() }).toEqual(
        expected,
      )
    }
  }
})

test('an answer without a length ends with the connection', () => {
  expect(read('HTTP/1.1 200 OK\r\n\r\nsome')).toEqual({ state: 'more', status: 200, keepAlive: false, closed: true })
})

test('an answer that is cut off is no answer', () => {
  expect(read('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nsome')).toMatchObject({ state: 'more', closed: false })
})

test.each([
  ['something else', 'SSH-2.0-OpenSSH_9\r\n'],
  ['another version', 'HTTP/2.0 200 OK\r\n\r\n'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
  ['lengths that differ', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'],
  ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
  ['length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['an unknown coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n'],
  ['a bad chunk size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
  ['a chunk without its end', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n'],
  ['a space in a name', 'HTTP/1.1 200 OK\r\nContent Length: 1\r\n\r\n'],
  ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
  ['a head without end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}`],
  ['a body that is too long', 'HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n'],
  [
    'chunks that are too long',
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n${'x'.repeat(0x200000)}`,
  ],
])('%s is refused', (_, text) => {
  expect(read(text, 16_384).state).toBe('bad')
})

test('random answers are done, refused or waited for; never an exception, however they are cut', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'HTTP/1.1 200 OK\r\n',
      'Content-Length: 3\r\n',
      'Transfer-Encoding: chunked\r\n',
      '\r\n',
      '3\r\nabc\r\n',
      '0\r\n',
      'X: y\r\n',
    ),
    fc.string(),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.integer({ min: 1, max: 9 }), (pieces, step) => {
      const text = pieces.join('')
      const [whole, cut] = [read(text), read(text, step)]
      expect(['more', 'done', 'bad']).toContain(whole.state)
      if (text !== '' && whole.state !== 'bad' && cut.state !== 'bad') expect(cut.status).toBe(whole.status)
    }),
  )
})
