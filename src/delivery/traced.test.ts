import { describe, expect, test } from 'vitest'
import { deliveryConfig, deliveryHost, envelopes } from '../../test/support/delivery.ts'
import { memoryFolder, memoryStorage } from '../../test/support/memory-spool.ts'
import { recordSpans } from '../../test/support/spans.ts'
import type { ManualClock } from '../runtime/clock.ts'
import type { Batch } from '../telemetry/batch.ts'
import { Receipt } from '../telemetry/receipt.ts'
import { BatchTrace, TracePoint } from './batch-trace.ts'
import { queued } from './queued.ts'
import { Dropped, Retryable, type SendResult, sent } from './sender.ts'

type Answer = SendResult | Error | 'later'

/** A queue whose sender answers from a list, else accepts; traced batches to put into it; the spans that came of them. */
async function traced(written: Record<string, unknown> = {}) {
  const { tracer, spans } = recordSpans()
  const folders = new Map([['test', memoryFolder()]])
  const host = { ...deliveryHost(), extension: <T>() => memoryStorage(folders, 500, 0) as T }
  const { clock } = host
  const answers: Answer[] = []
  const pending: { resolve: (result: SendResult) => void; signal: AbortSignal }[] = []
  const sender = {
    send(batch: Batch, signal: AbortSignal): SendResult | Promise<SendResult> {
      const answer = answers.shift() ?? sent(batch.count)
      if (answer === 'later') return new Promise((resolve) => void pending.push({ resolve, signal }))
      if (answer instanceof Error) throw answer
      return answer
    },
    close() {},
  }
  const exporter = queued(deliveryConfig({ linger: 0, ...written }), host, sender, { random: () => 0.5 })
  await exporter.start()
  const follow = (texts: string[]) => envelopes(texts, 'app', { receipts: [receiptOf(clock)] })
  const receiptOf = (clock: ManualClock) => {
    const ahead = clock.now() - clock.monotonic()
    const trace = new BatchTrace(tracer.start('receive r', clock.now())!, clock, ahead, {})
    return new Receipt((outcome) => trace.end(outcome), new TracePoint(trace))
  }
  const told = () =>
    spans().map(({ name, start, end, error, attributes: { outcome } }) => {
      const said = [outcome, error].filter((text) => text !== undefined)
      return `${name} ${start - clock.now()}..${end - clock.now()}${said.length > 0 ? ` ${said.join(': ')}` : ''}`
    })
  return { exporter, clock, answers, pending, spans, told, follow }
}

const turns = async (n = 20) => {
  for (let i = 0; i < n; i++) await Promise.resolve()
}

describe('a traced batch', () => {
  test('that is sent at once has three spans, the first of which is the parent of the others', async () => {
    const { exporter, follow, spans } = await traced()
    exporter.consume(follow(['a', 'b']))
    const [queue, send, receive] = spans()
    expect([queue, send, receive].map((span) => span!.name)).toEqual(['queue test', 'send test', 'receive r'])
    expect([queue!.parent, send!.parent, receive!.parent]).toEqual([receive!.id, receive!.id, undefined])
    expect(send!.attributes).toMatchObject({ component: 'test', records: 2, attempt: 1, outcome: 'delivered' })
    expect(receive!.attributes).toMatchObject({ outcome: 'delivered' })
  })

  test('is in the queue until it is sent, and on its way until it is answered', async () => {
    const { exporter, clock, answers, pending, follow, told } = await traced()
    answers.push('later', 'later')
    exporter.consume(envelopes(['first']))
    exporter.consume(follow(['second']))
    clock.advance(30)
    pending[0]!.resolve(sent(1))
    await turns()
    clock.advance(12)
    pending[1]!.resolve(sent(1))
    await turns()
    expect(told()).toEqual(['queue test -42..-12', 'send test -12..0 delivered', 'receive r -42..0 delivered'])
  })

  test('has times that go on when the wall clock is set', async () => {
    const { exporter, clock, answers, pending, follow, spans } = await traced()
    answers.push('later')
    exporter.consume(follow(['a']))
    clock.jump(-3_600_000)
    clock.advance(25)
    pending[0]!.resolve(sent(1))
    await turns()
    const took = spans().map(({ name, start, end }) => [name, end - start])
    expect(took).toEqual([
      ['queue test', 0],
      ['send test', 25],
      ['receive r', 25],
    ])
  })

  test('has a span for each attempt, with what went wrong, secrets masked', async () => {
    const { exporter, clock, answers, follow, told, spans } = await traced()
    answers.push(new Retryable('refused: password=hunter2'), new Retryable('no route'))
    exporter.consume(follow(['a']))
    while (spans().length < 5) clock.advance(1000)
    expect(told().map((text) => text.replace(/-?\d+\.\.-?\d+ ?/, ''))).toEqual([
      'queue test ',
      'send test retryable: refused: password=****',
      'send test retryable: no route',
      'send test delivered',
      'receive r delivered',
    ])
    expect(spans().map(({ attributes }) => attributes.attempt)).toEqual([undefined, 1, 2, 3, undefined])
  })

  test.each<[string, Answer, string, string]>([
    ['refused for good', new Dropped('rejected', 'bad bytes'), 'dropped: bad bytes', 'dropped: rejected'],
    ['refused in part', { sent: 1, rejected: 1, detail: 'one too old' }, 'dropped: one too old', 'dropped: rejected'],
    ['broken', new Error('socket hang up'), 'failed: socket hang up', 'dropped: connection'],
  ])('that is %s says so', async (_, answer, send, receive) => {
    const { exporter, answers, follow, told } = await traced({ retry_on_failure: { enabled: false } })
    answers.push(answer)
    exporter.consume(follow(['a', 'b']))
    await turns()
    expect(told()).toEqual(['queue test 0..0', `send test 0..0 ${send}`, `receive r 0..0 ${receive}`])
  })

  test('that is not answered in time has a span that ends with the timeout', async () => {
    const { exporter, clock, answers, pending, follow, spans, told } = await traced({ timeout: '2s' })
    answers.push('later')
    exporter.consume(follow(['a']))
    clock.advance(2000)
    expect(told()).toEqual(['queue test -2000..-2000', 'send test -2000..0 retryable: no answer within 2000 ms'])
    // Too late.
    pending[0]!.resolve(sent(1))
    await turns()
    expect(spans()).toHaveLength(2)
  })

  test('that is displaced in the queue has a span that says so', async () => {
    const { exporter, answers, follow, told } = await traced({
      when_full: 'drop_oldest',
      sending_queue: { queue_size: 1, sizer: 'items', num_consumers: 1 },
    })
    answers.push('later')
    exporter.consume(envelopes(['on its way']))
    exporter.consume(follow(['a']))
    exporter.consume(envelopes(['b']))
    expect(told()).toEqual(['queue test 0..0 dropped: displaced', 'receive r 0..0 dropped: displaced'])
  })

  test('that is on disk is safe for its sender, and its trace goes on', async () => {
    const { exporter, clock, answers, pending, follow, told } = await traced({
      sending_queue: { storage: 'file_storage' },
    })
    answers.push('later')
    exporter.consume(follow(['a']))
    clock.advance(5)
    pending[0]!.resolve(sent(1))
    await turns()
    expect(told()).toEqual(['receive r -5..-5 durable', 'queue test -5..-5', 'send test -5..0 delivered'])
  })

  test('in several parts leaves the queue once', async () => {
    const { exporter, follow, told, spans } = await traced({
      sending_queue: { batch: { min_size: 1, max_size: 1, sizer: 'items' } },
    })
    exporter.consume(follow(['a', 'b', 'c']))
    await turns()
    const send = 'send test 0..0 delivered'
    expect(told()).toEqual(['queue test 0..0', send, send, send, 'receive r 0..0 delivered'])
    expect(spans().map(({ attributes }) => attributes.attempt)).toEqual([undefined, 1, 1, 1, undefined])
  })
})

describe('several traced batches in one', () => {
  test('each have a span for the send, linked to the others', async () => {
    const { exporter, answers, pending, follow, spans } = await traced()
    answers.push('later')
    exporter.consume(envelopes(['on its way']))
    for (const text of ['a', 'b', 'c']) exporter.consume(follow([text]))
    pending[0]!.resolve(sent(1))
    await turns()
    const sends = spans().filter(({ name }) => name === 'send test')
    const traces = sends.map(({ trace }) => trace)
    expect(new Set(traces).size).toBe(3)
    for (const { trace, links, attributes } of sends) {
      expect(attributes.records).toBe(3)
      expect(links.toSorted()).toEqual(traces.filter((other) => other !== trace).toSorted())
    }
  })

  test('a hundred of them have a bounded number of links', async () => {
    const { exporter, answers, pending, follow, spans } = await traced()
    answers.push('later')
    exporter.consume(envelopes(['on its way']))
    for (let i = 0; i < 100; i++) exporter.consume(follow([String(i)]))
    pending[0]!.resolve(sent(1))
    await turns()
    const sends = spans().filter(({ name }) => name === 'send test')
    expect(sends).toHaveLength(100)
    expect(Math.max(...sends.map(({ links }) => links.length))).toBeLessThanOrEqual(33)
  })
})

test('a trace has a bounded number of spans, and says how many are left out', async () => {
  const { exporter, clock, answers, follow, spans } = await traced({ retry_on_failure: { max_elapsed_time: 0 } })
  answers.push(...Array.from({ length: 300 }, () => new Retryable('down')))
  exporter.consume(follow(['a']))
  while (spans().every(({ name }) => name !== 'receive r')) clock.advance(30_000)
  expect(spans()).toHaveLength(200)
  // The queue, 301 attempts.
  expect(spans().at(-1)!.attributes).toMatchObject({ outcome: 'delivered', spans_left_out: 302 - 199 })
})

test('a batch with receipts and no trace makes no spans and stays the same batch', async () => {
  const { exporter, spans } = await traced()
  const outcomes: unknown[] = []
  exporter.consume(envelopes(['a'], 'app', { receipts: [new Receipt((outcome) => outcomes.push(outcome))] }))
  expect([outcomes, spans()]).toEqual([['delivered'], []])
})
