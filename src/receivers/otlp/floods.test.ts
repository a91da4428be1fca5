import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { encodeOtlpLogs } from '../../../test/support/decode.ts'
import { until } from '../../net/test-kit.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { decompressor } from './decompress.ts'
import { startOtlp } from './otlp-run.fixture.ts'

const logs = (text: string) =>
  encodeOtlpLogs({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: text } }] }] }] })
const head =
  'POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ntransfer-encoding: chunked\r\n\r\n'
const byteByByte = (body: Buffer) =>
  Buffer.concat([...body].map((byte) => Buffer.from([0x31, 0x0d, 0x0a, byte, 0x0d, 0x0a])))

/** A connection, and what has come over it. */
function talk(port: number) {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  let heard = ''
  socket.on('data', (chunk) => {
    heard += chunk.toString('latin1')
  })
  return { socket, heard: () => heard }
}

test('a body of many tiny chunks is given up, with its connection', async () => {
  const run = await startOtlp({ http: {} }, { clock: new ManualClock() })
  const { socket } = talk(run.http)
  socket.write(head)
  const chunks = byteByByte(Buffer.alloc(20_000))
  // No end of it is in sight.
  const more = () => {
    if (!socket.destroyed) socket.write(chunks, () => setImmediate(more))
  }
  more()
  await new Promise((resolve) => socket.on('close', resolve))
  expect(run.counter('malformed_requests', { transport: 'http', signal: 'logs' })).toBe(1)
  expect(run.counter('floods', { transport: 'http' })).toBe(1)
  expect(run.lines.filter((line) => line.includes('too many small chunks'))).toHaveLength(1)
  await until(() => run.budget.used === 0)
})

test.each([1000, 100_000])('a body of %i bytes may come byte by byte, and all at once', async (size) => {
  const run = await startOtlp({ http: {} }, { clock: new ManualClock() })
  const { socket, heard } = talk(run.http)
  const body = logs('x'.repeat(size))
  socket.write(Buffer.concat([Buffer.from(head), byteByByte(body), Buffer.from('0\r\n\r\n')]))
  await until(() => heard().includes('200 OK'))
  expect(run.batches.map((batch) => Buffer.from(batch.bytes()))).toEqual([body])
  socket.destroy()
})

test('a large body in pieces of every size arrives whole, with its length said before or not', async () => {
  const run = await startOtlp({ http: {} })
  const body = logs('y'.repeat(300_000))
  const said = head.replace('transfer-encoding: chunked', `content-length: ${body.length}`)
  for (const cut of [1, 20_000, body.length - 1]) {
    const { socket, heard } = talk(run.http)
    socket.write(said)
    socket.write(body.subarray(0, cut), () => setImmediate(() => socket.write(body.subarray(cut))))
    await until(() => heard().includes('200 OK'))
    const other = talk(run.http)
    const chunks = [body.subarray(0, cut), body.subarray(cut)].map((part) => [
      `${part.length.toString(16)}\r\n`,
      part,
      '\r\n',
    ])
    other.socket.write(Buffer.concat([head, ...chunks.flat(), '0\r\n\r\n'].map((part) => Buffer.from(part as string))))
    await until(() => other.heard().includes('200 OK'))
    for (const each of [socket, other.socket]) each.destroy()
  }
  expect(run.batches).toHaveLength(6)
  for (const batch of run.batches) expect(Buffer.from(batch.bytes()).equals(body)).toBe(true)
})

test('a few bytes that become many are undone elsewhere, and taken', async () => {
  const run = await startOtlp({ http: {} })
  const body = logs('z'.repeat(3 << 20))
  const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip' }
  expect(await run.send({ headers, body: gzipSync(body) })).toMatchObject({ status: 200 })
  expect(Buffer.from(run.batches[0]!.bytes()).equals(body)).toBe(true)
  const bomb = await run.send({ headers, body: gzipSync(Buffer.alloc(30 << 20)) })
  expect([bomb.status, bomb.body.toString()]).toEqual([400, expect.stringContaining('http: request body too large')])
})

test('what says that it becomes large is not tried here first', async () => {
  const small = gzipSync(logs('a'))
  const made = decompressor('gzip', ['gzip'])!
  expect(made(small, 4 << 20)).toEqual(logs('a'))
  // It lies: here and now that would throw.
  small.writeUInt32LE(2 << 20, small.length - 4)
  const later = made(small, 4 << 20)
  expect(later).toBeInstanceOf(Promise)
  await expect(later).rejects.toMatchObject({ status: 400 })
})
