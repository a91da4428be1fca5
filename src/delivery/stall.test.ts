import { expect, test } from 'vitest'
import { deliveryConfig, deliveryHost, envelopes, textsOf } from '../../test/support/delivery.ts'
import { Batch } from '../telemetry/batch.ts'
import { queued } from './queued.ts'
import { sent } from './sender.ts'

const bounds = { when_full: 'drop_oldest', queue_size: 4000, queue_bytes: '4MiB' }
const config = deliveryConfig({ ...bounds, max_batch_records: 10, linger: 0 })

async function stuckExporter(stallAfterMs?: number) {
  const host = deliveryHost()
  const texts: string[] = []
  let release: (() => void) | undefined
  const send = (batch: Batch) => {
    texts.push(...textsOf(batch))
    if (release) return sent(batch.count)
    return new Promise<ReturnType<typeof sent>>((resolve) => (release = () => resolve(sent(batch.count))))
  }
  const options = stallAfterMs === undefined ? {} : { stallAfterMs }
  const exporter = queued({ ...config, timeout: 0 }, host, { send, close() {} }, options)
  await exporter.start()
  return { host, exporter, texts, release: () => release!(), clock: host.clock }
}

test('a queue whose head is older than 100 ms is stalled until it runs empty', async () => {
  const { exporter, texts, release, clock } = await stuckExporter()
  for (const text of ['a', 'b']) exporter.consume(envelopes([text]))
  clock.advance(99)
  expect(exporter.queue.stalled).toBe(false)
  clock.advance(1)
  expect(exporter.queue.stalled).toBe(true)
  exporter.consume(envelopes(['c']))
  release()
  await exporter.idle()
  expect(exporter.queue.stalled).toBe(false)
  expect(texts).toEqual(['a', 'b', 'c'])
})

test('a queue that moves on is not stalled', async () => {
  const host = deliveryHost()
  const exporter = queued(deliveryConfig(bounds), host, { send: (batch) => sent(batch.count), close() {} })
  await exporter.start()
  for (let i = 0; i < 200; i++) {
    exporter.consume(envelopes(['a']))
    exporter.consume(envelopes(['b']))
    host.clock.advance(1)
    expect(exporter.queue.stalled).toBe(false)
  }
})

test('a stalled queue keeps its bound in memory, not the slabs its records came in', async () => {
  const { exporter, clock, texts, release } = await stuckExporter()
  const before = external()
  // 50 apps in every batch of 400 kB; the queue gets one record of each: after 150 batches 60 MB of slabs came by.
  const apps = Array.from({ length: 50 }, (_, i) => `app ${i}`)
  const filler = 'x'.repeat(8000)
  for (let i = 0; i < 150; i++) {
    const frames = apps.map((app) => envelopes([`${i} ${filler}`], app).bytes())
    const whole = Batch.copyOf('envelopes', Buffer.concat(frames))
    exporter.consume(whole.slice(i % 50, (i % 50) + 1))
    clock.advance(10)
  }
  expect(exporter.queue.held).toBe(150)
  // 150 records of 8 kB: 1.2 MB. What is young or on the wire may still stand in a few slabs.
  expect(external() - before).toBeLessThan(8 << 20)
  release()
  await exporter.idle()
  expect(texts.map((text) => Number.parseInt(text, 10))).toEqual(Array.from({ length: 150 }, (_, i) => i))
})

test('moving leaves batches alone that other queues hold', async () => {
  const stuck = await stuckExporter()
  const other = await stuckExporter()
  const batch = envelopes(['b', 'c', 'd'])
  for (const { exporter } of [stuck, other]) {
    exporter.consume(envelopes(['a']))
    exporter.consume(batch)
  }
  const { buffer } = batch
  stuck.clock.advance(100)
  expect(stuck.exporter.queue.stalled).toBe(true)
  expect(batch.buffer).toBe(buffer)
  other.release()
  await other.exporter.idle()
  expect(other.texts).toEqual(['a', 'b', 'c', 'd'])
})

test('a large queue is moved step by step', async () => {
  const { exporter, clock, texts, release } = await stuckExporter()
  const batches = 60
  exporter.consume(envelopes(['first']))
  for (let i = 0; i < batches; i++)
    exporter.consume(envelopes(Array.from({ length: 10 }, (_, j) => `${i}.${j} ${'x'.repeat(5000)}`)))
  clock.advance(100)
  clock.advance(10)
  release()
  await exporter.idle()
  expect(texts.length).toBe(1 + batches * 10)
})

/** Bytes of buffers after a full collection. */
function external(): number {
  for (let i = 0; i < 3; i++) collect()
  return process.memoryUsage().arrayBuffers
}

/** Collects all garbage, as --expose-gc lets scripts do. */
const collect: () => void = await (async () => {
  const [{ setFlagsFromString }, { runInNewContext }] = await Promise.all([import('node:v8'), import('node:vm')])
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
})()
