import { afterEach, expect, test } from 'vitest'
import { decodeEnvelopeBatch, encodeEnvelope, encodeEnvelopeBatch } from '../../../test/support/decode.ts'
import { type ReceiverRun, runReceiver } from '../../../test/support/receiver.ts'
import { frameMessage } from '../../net/frames.ts'
import { type GrpcClient, newGrpcClient } from '../../net/grpc-client.ts'
import { callBytes } from '../../net/memory.ts'
import { GrpcCode } from '../../net/status.ts'
import { silentLog } from '../../runtime/log.ts'
import loggregator from './index.ts'

const batchSender = '/loggregator.v2.Ingress/BatchSender'
const sender = '/loggregator.v2.Ingress/Sender'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function started(
  settings: object = {},
  options: { memory?: number } = {},
): Promise<{ run: ReceiverRun; client: GrpcClient }> {
  const run = runReceiver(loggregator, { endpoint: '127.0.0.1:0', ...settings }, { formats: ['envelopes'], ...options })
  await run.start()
  const line = await run.line('grpc bound to: ')
  const client = newGrpcClient({ address: line.replace('grpc bound to: ', ''), log: silentLog })
  cleanups.push(
    () => run.stop(),
    () => client.close(),
  )
  return { run, client }
}

const log = (source_id: string, payload: string, more: object = {}) => ({
  source_id,
  log: { payload: Buffer.from(payload) },
  ...more,
})

const delivered = (run: ReceiverRun) => run.batches.flatMap((batch) => decodeEnvelopeBatch(batch.bytes()))

test('takes batches, single envelopes and unary sends', async () => {
  const { run, client } = await started()
  client.clientStream(batchSender).write(frameMessage([encodeEnvelopeBatch([log('a', '1'), log('a', '2')])]))
  await run.records(2)
  const single = client.clientStream(sender)
  single.write(frameMessage([encodeEnvelope(log('b', '3'))]))
  await run.records(3)
  await client.unary('/loggregator.v2.Ingress/Send', encodeEnvelopeBatch([log('c', '4')]))
  await run.records(4)
  expect(delivered(run).map(({ source_id }) => source_id)).toEqual(['a', 'a', 'b', 'c'])
  expect(run.account).toMatchObject({ offered: 4, taken: 4 })
  expect(run.account.imbalance()).toBe(0)
})

test('a stream that the client ends is answered with OK', async () => {
  const { run, client } = await started()
  const stream = client.clientStream(batchSender)
  stream.write(frameMessage([encodeEnvelopeBatch([log('a', '1')])]))
  await run.records(1)
  expect(await stream.end()).toBeUndefined()
})

test('an empty source id is taken from the origin tag, and counted', async () => {
  const { run, client } = await started()
  const tagged = log('', 'x', { tags: { origin: 'some-origin' } })
  client.clientStream(batchSender).write(frameMessage([encodeEnvelopeBatch([tagged, log('kept', 'y')])]))
  await run.records(2)
  expect(delivered(run).map(({ source_id }) => source_id)).toEqual(['some-origin', 'kept'])
  expect(run.counter('origin_mappings_total')).toBe(1)
})

test('an envelope that does not parse is dropped alone and the stream lives on', async () => {
  const { run, client } = await started()
  const good = encodeEnvelopeBatch([log('a', '1')])
  const stream = client.clientStream(batchSender)
  stream.write(frameMessage([Buffer.concat([good, Buffer.from([0x0a, 2, 0x4a, 0x7f]), good])]))
  await run.records(2)
  stream.write(frameMessage([good]))
  await run.records(3)
  expect(run.account.dropped('malformed')).toBe(1)
  expect(run.account.imbalance()).toBe(0)
})

test('logs_disabled drops logs on arrival, by rule, and nothing else', async () => {
  const { run, client } = await started({ logs_disabled: true })
  const counter = { source_id: 'c', counter: { name: 'n', delta: 1n } }
  client.clientStream(batchSender).write(frameMessage([encodeEnvelopeBatch([log('a', '1'), counter])]))
  await run.records(1)
  expect(delivered(run)).toMatchObject([{ source_id: 'c' }])
  expect(run.account).toMatchObject({ offered: 2, taken: 1 })
  expect(run.account.dropped('rule')).toBe(1)
})

test('a message above the limit ends its stream alone', async () => {
  const { run, client } = await started({ max_message_size: '64KiB' })
  const long = client.clientStream(batchSender)
  long.write(frameMessage([encodeEnvelopeBatch([log('a', 'x'.repeat(70_000))])]))
  expect(await long.closed).toMatchObject({ code: GrpcCode.resourceExhausted })
  client.clientStream(batchSender).write(frameMessage([encodeEnvelopeBatch([log('b', '1')])]))
  await run.records(1)
  expect(delivered(run)).toMatchObject([{ source_id: 'b' }])
})

test('calls for which there is no memory are refused and counted', async () => {
  const { run, client } = await started({}, { memory: 12 * callBytes })
  const open = () => client.clientStream(batchSender)
  const streams = Array.from({ length: 16 + 3 }, open)
  for (const stream of streams) stream.write(frameMessage([encodeEnvelopeBatch([log('a', '1')])]))
  await run.records(streams.length)
  expect(await open().end()).toMatchObject({ code: GrpcCode.unavailable, unsent: true })
  expect(run.counter('refused_requests_total')).toBe(1)
})

test('an empty batch is no batch', async () => {
  const { run, client } = await started()
  const stream = client.clientStream(batchSender)
  stream.write(frameMessage([Buffer.alloc(0)]))
  stream.write(frameMessage([encodeEnvelopeBatch([log('a', '1')])]))
  await run.records(1)
  expect(run.batches).toHaveLength(1)
})

test('compressed messages are answered as by the original agents, which know no gzip', async () => {
  const { run, client } = await started()
  const send = client.unary('/loggregator.v2.Ingress/Send', encodeEnvelopeBatch([log('a', '1')]), { gzip: true })
  await expect(send).rejects.toMatchObject({
    code: GrpcCode.unimplemented,
    message: 'grpc: Decompressor is not installed for grpc-encoding "gzip"',
  })
  expect(run.account.offered).toBe(0)
})
