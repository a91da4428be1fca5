import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { sendDatagrams } from '../../../test/support/client.ts'
import { decodeV1List, encodeV1, type Message } from '../../../test/support/decode.ts'
import { type ReceiverRun, runReceiver } from '../../../test/support/receiver.ts'
import { loadConfig } from '../../config/load.ts'
import dropsonde from './index.ts'

const run = (written: Record<string, unknown> = {}) =>
  runReceiver(dropsonde, { endpoint: '127.0.0.1:0', ...written }, { formats: ['dropsonde'] })

async function started(written?: Record<string, unknown>): Promise<{ receiver: ReceiverRun; address: string }> {
  const receiver = run(written)
  await receiver.start()
  return { receiver, address: (await receiver.line('udp bound to: ')).replace('udp bound to: ', '') }
}

const listOf = (receiver: ReceiverRun): Message[] => receiver.batches.flatMap((batch) => decodeV1List(batch.bytes()))

const metric = (more: Message = {}) =>
  encodeV1({ origin: 'router', eventType: 6, valueMetric: { name: 'latency', value: 1.5, unit: 'ms' }, ...more })

describe('dropsonde receiver', () => {
  test('hands on what arrives and fills the tag source_id from the origin when it is missing or empty', async () => {
    const { receiver, address } = await started()
    await sendDatagrams(address, [
      metric(),
      metric({ tags: { source_id: '' } }),
      metric({ tags: { source_id: 'own', a: 'b' } }),
    ])
    await receiver.records(3)
    expect(listOf(receiver).map((envelope) => envelope.tags)).toEqual([
      { source_id: 'router' },
      { source_id: 'router' },
      { source_id: 'own', a: 'b' },
    ])
    expect(listOf(receiver)[0]).toMatchObject({
      origin: 'router',
      valueMetric: { name: 'latency', value: 1.5, unit: 'ms' },
    })
    await receiver.stop()
    expect(receiver.account).toMatchObject({ offered: 3, taken: 3 })
    expect(receiver.account.imbalance()).toBe(0)
  })

  test('takes the datagrams that the original UDP forwarder took, and no others', async () => {
    const rows = readFileSync(new URL('../../../test/testdata/udp-forwarder.jsonl', import.meta.url), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { input: string; log?: string })
    const { receiver, address } = await started()
    const end = metric({ origin: 'end' })
    await sendDatagrams(address, [...rows.map((row) => Buffer.from(row.input, 'base64')), end])
    const accepted = rows.filter((row) => !row.log?.startsWith('eventUnmarshaller')).length
    await receiver.records(accepted + 1)
    expect(listOf(receiver).at(-1)).toMatchObject({ origin: 'end' })
    await receiver.stop()
    expect(receiver.account.taken).toBe(accepted + 1)
    expect(receiver.account.dropped('malformed')).toBe(rows.length - accepted)
    expect(receiver.account.imbalance()).toBe(0)
  })

  test('counts malformed datagrams and says so at most once in ten seconds', async () => {
    const { receiver, address } = await started()
    const logged = () => receiver.lines.filter((line) => line.startsWith('Error unmarshalling: '))
    await sendDatagrams(address, ['\xff', metric({ eventType: 3 }), '', metric()])
    await receiver.records(1)
    expect(receiver.account.dropped('malformed')).toBe(3)
    expect(logged()).toHaveLength(1)
    receiver.clock.advance(10_000)
    await sendDatagrams(address, [metric({ eventType: 8 })])
    await receiver.line('and 2 like it')
    expect(logged()).toEqual([
      'Error unmarshalling: eventUnmarshaller: unmarshal error proto: cannot parse invalid wire-format data',
      'Error unmarshalling: eventUnmarshaller: validation failed for message Error (and 2 like it since the last such line)',
    ])
    await receiver.stop()
  })

  test('joins the datagrams of one turn into one batch', async () => {
    const { receiver, address } = await started()
    const [host, port] = address.split(':')
    const socket = createSocket('udp4')
    // All of them are in the kernel before the first is read.
    for (let i = 0; i < 50; i++) socket.send(metric(), Number(port), host)
    await receiver.records(50)
    expect(receiver.batches.length).toBeLessThan(10)
    socket.close()
    await receiver.stop()
  })

  test('puts what the kernel dropped into the books', async () => {
    const { receiver, address } = await started({ receive_buffer: '4KiB' })
    const [host, port] = address.split(':')
    const socket = createSocket('udp4')
    const sent = 2000
    await new Promise<void>((resolve) => {
      for (let i = 0; i < sent; i++)
        socket.send(metric(), Number(port), host, i === sent - 1 ? () => resolve() : undefined)
    })
    socket.close()
    // What is still in the buffer is read in the turns that follow; each of them is counted one way or the other.
    while (receiver.account.offered < sent) {
      await new Promise(setImmediate)
      receiver.clock.advance(1000)
    }
    expect(receiver.account.dropped('socket_overflow')).toBeGreaterThan(0)
    expect(receiver.account.offered).toBe(sent)
    await receiver.stop()
    expect(receiver.account.imbalance()).toBe(0)
  })

  test('does not listen when it is disabled', async () => {
    const receiver = run({ disabled: true })
    await receiver.start()
    expect(receiver.lines).toEqual([])
    await receiver.stop()
    const config = dropsonde.config.parse({ disabled: true })
    expect(dropsonde.resources!(config)).toEqual([])
  })

  test('may be stopped before it starts, and twice; the port is free afterwards', async () => {
    await run().stop()
    const { receiver, address } = await started()
    await receiver.stop()
    await receiver.stop()
    const again = await started({ endpoint: address })
    expect(again.address).toBe(address)
    await again.receiver.stop()
  })

  test('names the address when it is in use', async () => {
    const { receiver, address } = await started()
    await expect(run({ endpoint: address }).start()).rejects.toThrow(`${address} is in use`)
    await receiver.stop()
  })
})

test('sample.yaml loads', () => {
  const file = new URL('./sample.yaml', import.meta.url).pathname
  const { value, problems } = loadConfig([file], { set: [], env: {} })
  expect(problems).toEqual([])
  for (const written of Object.values(value.receivers as object))
    expect(() => dropsonde.config.parse(written)).not.toThrow()
})
