import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { deliveryConfig, deliveryHost, envelopes, textsOf } from '../../test/support/delivery.ts'
import { recordSpans } from '../../test/support/spans.ts'
import { type Admission, Refused, Undelivered, type Verdict } from '../delivery/admission.ts'
import { Budget } from '../delivery/budget.ts'
import { Account } from '../delivery/ledger.ts'
import { queued } from '../delivery/queued.ts'
import { type Sender, sent } from '../delivery/sender.ts'
import { ManualClock } from '../runtime/clock.ts'
import { Metrics } from '../runtime/metrics.ts'
import type { Batch } from '../telemetry/batch.ts'
import { BatchSampler } from './batch-sampler.ts'
import { newFlow } from './flow-counts.ts'
import { ReceiverIntake } from './intake.ts'

/** A queue whose answer the test sets. */
class Gate implements Admission {
  verdict: Verdict
  settled = 0
  private readonly waiting: (() => void)[] = []

  admit(): Verdict {
    return this.verdict
  }

  /** What senders wait for. */
  ended: Promise<void> | undefined

  settle(): Promise<void> | undefined {
    this.settled++
    return this.ended
  }

  onRoom(fn: () => void): void {
    this.waiting.push(fn)
  }

  open(): void {
    this.verdict = undefined
    this.tell()
  }

  tell(): void {
    for (const fn of this.waiting.splice(0)) fn()
  }
}

function newIntake(options: { pushesBack?: boolean; memory?: number; sampler?: BatchSampler } = {}) {
  const gates = [new Gate(), new Gate()]
  const taken: Batch[] = []
  const account = new Account('receiver', 'r', {})
  const budget = new Budget('test', options.memory)
  const flow = newFlow()
  const intake = new ReceiverIntake({
    flow,
    next: { consume: (batch) => void taken.push(batch) },
    account,
    budget,
    admissions: () => gates,
    pushesBack: options.pushesBack ?? true,
    sampler: options.sampler,
  })
  account.held = () => intake.held
  return { gates, taken, account, budget, flow, intake }
}

describe('a receiver that may push back', () => {
  test('is taken when every queue says yes', () => {
    const { intake, taken, account } = newIntake()
    expect(intake.offer(envelopes(['1', '2']))).toBeUndefined()
    expect(taken).toHaveLength(1)
    expect(account).toMatchObject({ offered: 2, taken: 2, refused: 0 })
    expect(account.imbalance()).toBe(0)
  })

  test('is refused when one queue refuses, and nobody got it', () => {
    const { intake, gates, taken, account } = newIntake()
    gates[1]!.verdict = new Refused('sending queue is full', 50)
    expect(() => intake.offer(envelopes(['1']))).toThrow('sending queue is full')
    expect(taken).toEqual([])
    expect(gates[0]!.settled).toBe(1)
    expect(account).toMatchObject({ offered: 1, refused: 1 })
  })

  test('counts as success what ended well for its sender, as refused what did not', async () => {
    const { intake, gates, account, flow } = newIntake()
    intake.offer(envelopes(['1', '2']))
    gates[1]!.verdict = new Refused('full')
    expect(() => intake.offer(envelopes(['3']))).toThrow('full')
    gates[1]!.open()
    gates[0]!.ended = Promise.reject(new Undelivered({ dropped: 'rejected' }))
    const lost = intake.offer(envelopes(['4', '5', '6']))
    expect(flow).toEqual({ ...newFlow(), success: { requests: 1, records: 2 }, refused: { requests: 1, records: 1 } })
    await expect(lost).rejects.toThrow(Undelivered)
    gates[0]!.ended = Promise.resolve()
    await intake.offer(envelopes(['7']))
    expect(flow).toEqual({ ...newFlow(), success: { requests: 2, records: 3 }, refused: { requests: 2, records: 4 } })
    // Taken is taken: those are lost where they were lost.
    expect(account).toMatchObject({ offered: 7, taken: 6, refused: 1 })
  })

  test('waits when a queue says wait, first come first served', async () => {
    const { intake, gates, taken, account, budget } = newIntake()
    gates[0]!.verdict = 'wait'
    const first = intake.offer(envelopes(['1']))
    gates[0]!.verdict = undefined
    const second = intake.offer(envelopes(['2']))
    expect(account.held()).toBe(2)
    expect(account.imbalance()).toBe(0)
    expect(budget.used).toBeGreaterThan(0)
    gates[0]!.open()
    await Promise.all([first, second])
    expect(taken).toHaveLength(2)
    expect(account.held()).toBe(0)
    expect(budget.used).toBe(0)
    expect(account.imbalance()).toBe(0)
  })

  test('a refusal outweighs a wait', () => {
    const { intake, gates } = newIntake()
    gates[0]!.verdict = 'wait'
    gates[1]!.verdict = new Refused('no')
    expect(() => intake.offer(envelopes(['1']))).toThrow('no')
  })

  test('what waits can be withdrawn', async () => {
    const { intake, gates, taken, account } = newIntake()
    gates[0]!.verdict = 'wait'
    const abort = new AbortController()
    const offered = intake.offer(envelopes(['1']), abort.signal)
    abort.abort()
    await expect(offered).rejects.toThrow('withdrawn')
    gates[0]!.open()
    expect(taken).toEqual([])
    expect(account).toMatchObject({ offered: 1, refused: 1 })
    expect(account.imbalance()).toBe(0)
  })

  test('is refused with a time when memory is used up, before any queue is asked', () => {
    const { intake, account } = newIntake({ memory: 100 })
    expect(() => intake.offer(envelopes(['1']))).toThrow('data refused due to high memory usage')
    expect(account).toMatchObject({ offered: 1, refused: 1 })
  })

  test('whatever still waits at the end is refused', async () => {
    const { intake, gates, account } = newIntake()
    gates[0]!.verdict = 'wait'
    const offered = intake.offer(envelopes(['1']))
    intake.close()
    await expect(offered).rejects.toThrow('shutting down')
    expect(account.imbalance()).toBe(0)
  })
})

describe('a receiver that keeps what is refused and offers it again', () => {
  test('has it counted as waiting, once, until it is taken', async () => {
    const { intake, gates, account } = newIntake()
    const batch = envelopes(['1', '2'])
    const { signal } = new AbortController()
    gates[0]!.verdict = new Refused('full')
    for (let i = 0; i < 3; i++) {
      expect(() => intake.offer(batch, signal, true)).toThrow('full')
      expect(account).toMatchObject({ offered: 2, taken: 0, refused: 0 })
      expect([account.held(), account.imbalance()]).toEqual([2, 0])
    }
    gates[0]!.verdict = 'wait'
    const offered = Promise.resolve(intake.offer(batch, signal, true))
    expect([account.held(), account.imbalance()]).toEqual([2, 0])
    gates[0]!.verdict = new Refused('full again')
    const again = expect(offered).rejects.toThrow('full again')
    gates[1]!.verdict = gates[0]!.verdict
    for (const gate of gates) gate.tell()
    await again
    expect([account.refused, account.held(), account.imbalance()]).toEqual([0, 2, 0])
    for (const gate of gates) gate.verdict = undefined
    intake.offer(batch, signal, true)
    expect(account).toMatchObject({ offered: 2, taken: 2, refused: 0 })
    expect([account.held(), account.imbalance()]).toEqual([0, 0])
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  test('has it counted as refused when it gives up, or the agent ends', () => {
    const { intake, gates, account } = newIntake()
    const abort = new AbortController()
    gates[0]!.verdict = new Refused('full')
    expect(() => intake.offer(envelopes(['1']), abort.signal, true)).toThrow('full')
    expect(() => intake.offer(envelopes(['2']), undefined, true)).toThrow('full')
    abort.abort()
    expect([account.refused, account.held(), account.imbalance()]).toEqual([1, 1, 0])
    intake.close()
    expect([account.offered, account.refused, account.held(), account.imbalance()]).toEqual([2, 2, 0, 0])
  })

  test('blames no queue for sending it back', () => {
    const { intake, gates } = newIntake()
    const told: number[] = []
    Object.assign(gates[0]!, { verdict: new Refused('full'), sentBack: (records: number) => told.push(records) })
    expect(() => intake.offer(envelopes(['1']), undefined, true)).toThrow('full')
    expect(told).toEqual([])
  })
})

test('a receiver that may not push back is always taken and asks nobody', () => {
  const { intake, gates, taken, account } = newIntake({ pushesBack: false })
  gates[0]!.verdict = new Refused('full')
  intake.offer(envelopes(['1']))
  expect(taken).toHaveLength(1)
  expect(gates[0]!.settled).toBe(0)
  expect(account).toMatchObject({ offered: 1, taken: 1 })
})

test('room that is made while a batch runs through the graph is not given to another receiver', async () => {
  const got: string[] = []
  const quick: Sender = { send: (batch) => sent(batch.count), close() {} }
  let release = () => {}
  const slow: Sender = {
    async send(batch) {
      await new Promise<void>((resolve) => (release = resolve))
      got.push(...textsOf(batch))
      return sent(batch.count)
    },
    close() {},
  }
  const config = deliveryConfig({ when_full: 'wait', queue_size: 2, linger: '0s', timeout: '0s' })
  const hosts = [deliveryHost(), deliveryHost()]
  const queues = [queued(config, hosts[0]!, quick), queued(config, hosts[1]!, slow)]
  for (const queue of queues) await queue.start()
  const intakes = [1, 2].map(
    (n) =>
      new ReceiverIntake({
        next: { consume: (batch) => queues.forEach((queue) => void queue.consume(batch)) },
        account: new Account('receiver', `r${n}`, {}),
        budget: new Budget('test'),
        admissions: () => queues.flatMap((queue) => queue.admissions()),
        pushesBack: true,
      }),
  )
  const [first, second] = intakes as [ReceiverIntake, ReceiverIntake]
  void first.offer(envelopes(['a', 'b']))
  const later = [first.offer(envelopes(['c', 'd', 'D'])), second.offer(envelopes(['e', 'f']))]
  expect(later.every((each) => each instanceof Promise)).toBe(true)
  for (let sends = 0; sends < 3; sends++) {
    release()
    await new Promise(setImmediate)
  }
  await Promise.all(later)
  expect(got).toEqual(['a', 'b', 'c', 'd', 'D', 'e', 'f'])
  for (const { only } of hosts) expect([only.sent, only.droppedTotal, only.imbalance()]).toEqual([7, 0, 0])
})

test('what is refused after a wait leaves nothing on its signal', async () => {
  const { intake, gates } = newIntake()
  gates[0]!.verdict = 'wait'
  const { signal } = new AbortController()
  const offer = Promise.resolve(intake.offer(envelopes(['1']), signal))
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  intake.close()
  await expect(offer).rejects.toThrow('shutting down')
  expect(getEventListeners(signal, 'abort')).toHaveLength(0)
})

test('a trace begins with the offer, also when it waits for room; what is refused has none', async () => {
  const { tracer, spans } = recordSpans()
  const clock = new ManualClock()
  const sampler = new BatchSampler({ tracer, clock, metrics: new Metrics(), maxPerSecond: 10 })
  const { intake, gates, taken } = newIntake({ sampler })
  gates[0]!.verdict = new Refused('full')
  expect(() => intake.offer(envelopes(['1']))).toThrow('full')
  gates[0]!.verdict = 'wait'
  const offered = intake.offer(envelopes(['2']))
  clock.advance(40)
  gates[0]!.open()
  await offered
  for (const receipt of taken[0]!.receipts) receipt.settle('delivered')
  expect(spans().map(({ start, end }) => end - start)).toEqual([40])
})
