import { describe, expect, test } from 'vitest'
import { deliveryConfig, deliveryHost, envelopes, textsOf } from '../../test/support/delivery.ts'
import { killed, type MemoryFolder, memoryFolder, memoryStorage } from '../../test/support/memory-spool.ts'
import type { Spool } from '../storage/contract.ts'
import type { Batch } from '../telemetry/batch.ts'
import type { Format } from '../telemetry/format.ts'
import { type Outcome, Receipt } from '../telemetry/receipt.ts'
import { Refused } from './admission.ts'
import { queued } from './queued.ts'
import { Dropped, Retryable, type SendResult, sent } from './sender.ts'

type Answer = SendResult | Error | 'later'

/** An exporter whose queue stands on `folder`, and whose sender answers from a list, else accepts. */
async function onDisk(
  written: Record<string, unknown> = {},
  { folder = memoryFolder(), maxLossMs = 500, maxBytes = 0, formats = ['envelopes'] as Format[] } = {},
) {
  const folders = new Map([['test', folder]])
  const storage = memoryStorage(folders, maxLossMs, maxBytes)
  const spools: Spool[] = []
  const open = async (use: Parameters<typeof storage.open>[0]) => {
    const spool = await storage.open(use)
    spools.push(spool)
    return spool
  }
  const host = { ...deliveryHost(), formats, extension: <T>() => ({ ...storage, open }) as T }
  const sends: string[][] = []
  const answers: Answer[] = []
  const pending: { resolve: (result: SendResult) => void; reject: (error: Error) => void }[] = []
  const sender = {
    send(batch: Batch): SendResult | Promise<SendResult> {
      sends.push(textsOf(batch))
      const answer = answers.shift() ?? sent(batch.count)
      if (answer === 'later') return new Promise((resolve, reject) => void pending.push({ resolve, reject }))
      if (answer instanceof Error) throw answer
      return answer
    },
    close() {},
  }
  const config = deliveryConfig({ linger: 0, sending_queue: { storage: 'file_storage' }, ...written })
  const exporter = queued(config, host, sender, { random: () => 0.5, format: 'envelopes', part: '' })
  await exporter.start()
  const { only: account, clock } = host
  const [queue] = exporter.admissions()
  /** As a receiver that pushes back does; the promise it gets. */
  const offer = (batch: Batch): undefined | Promise<void> | Refused | 'wait' => {
    const verdict = queue!.admit()
    if (verdict) return verdict
    exporter.consume(batch)
    return queue!.settle() as undefined | Promise<void>
  }
  const law = () => expect(account.imbalance()).toBe(0)
  return { exporter, sends, answers, pending, account, clock, folder, folders, spools, queue: queue!, offer, law }
}

const turns = async (n = 20) => {
  for (let i = 0; i < n; i++) await Promise.resolve()
}
const one = (text: string, receipts: Receipt[] = []) => envelopes([text], 'app', { receipts })
const left = (folder: MemoryFolder) => folder.stored.filter(({ finished }) => !finished).length

/** A receipt and what it was settled with. */
function watched() {
  const outcomes: Outcome[] = []
  return { outcomes, receipt: new Receipt((outcome) => void outcomes.push(outcome)) }
}

describe('what comes', () => {
  test('is on disk when it is sent, and gone from there when it is delivered', async () => {
    const { exporter, answers, pending, folder, account, law } = await onDisk()
    answers.push('later')
    exporter.consume(envelopes(['a', 'b']))
    expect([left(folder), account.held()]).toEqual([1, 2])
    pending[0]!.resolve(sent(2))
    await turns()
    expect([left(folder), account.held(), account.sent]).toEqual([0, 0, 2])
    law()
  })

  test('is settled as durable when it is written, whatever the backend does later', async () => {
    const { exporter, answers } = await onDisk()
    answers.push(new Dropped('rejected'))
    const { outcomes, receipt } = watched()
    exporter.consume(one('a', [receipt]))
    expect(outcomes).toEqual(['durable'])
  })

  test('with max_loss 0 is settled, and its sender answered, when it is synced', async () => {
    const { folder, offer, sends } = await onDisk({}, { maxLossMs: 0 })
    folder.slowSync = true
    const { outcomes, receipt } = watched()
    const answered = offer(one('a', [receipt])) as Promise<void>
    let over = false
    void answered.then(() => (over = true))
    await turns()
    expect([outcomes, over, sends.length]).toEqual([[], false, 1])
    for (const { resolve } of folder.syncs) resolve()
    await answered
    expect(outcomes).toEqual(['durable'])
  })

  test('and refused when the sync fails: it may come again', async () => {
    const { folder, offer, law } = await onDisk({}, { maxLossMs: 0 })
    folder.slowSync = true
    const answered = offer(one('a')) as Promise<void>
    for (const { reject } of folder.syncs) reject(new Error('input/output error'))
    await expect(answered).rejects.toBeInstanceOf(Refused)
    law()
  })

  test('waits on disk while memory is full, and goes out in order', async () => {
    const { exporter, answers, pending, sends, account, law, folder } = await onDisk({ queue_size: 2 })
    answers.push('later')
    for (let i = 0; i < 9; i++) exporter.consume(one(`${i}`))
    expect([account.held(), exporter.queue.held, left(folder)]).toEqual([9, 2, 9])
    law()
    pending[0]!.resolve(sent(1))
    await turns(100)
    expect(sends.flat()).toEqual([...'012345678'])
    expect([account.held(), left(folder)]).toEqual([0, 0])
    await exporter.idle()
    law()
  })
})

describe('a full queue', () => {
  test.each([
    ['requests', { queue_size: 2 }],
    ['items', { queue_size: 2, sizer: 'items' }],
  ])('refuses by %s, and takes again when room is made', async (_, size) => {
    const { answers, pending, offer, queue, law } = await onDisk({
      sending_queue: { storage: 'file_storage', ...size },
    })
    answers.push('later')
    offer(one('a'))
    offer(one('b'))
    expect(offer(one('c'))).toMatchObject({ reason: 'sending queue is full' })
    let told = 0
    queue.onRoom(() => told++)
    pending[0]!.resolve(sent(1))
    await turns()
    expect([told, offer(one('c'))]).toEqual([1, undefined])
    law()
  })

  test('by its bytes: what was let in and does not fit waits with its sender', async () => {
    const { answers, pending, offer, sends, account, law } = await onDisk({}, { maxBytes: 40 })
    answers.push('later')
    offer(one('a'))
    let over = false
    const answered = offer(one('b'.repeat(20))) as Promise<void>
    void answered.then(() => (over = true))
    await turns()
    expect([over, account.held(), offer(one('c'))]).toEqual([
      false,
      2,
      expect.objectContaining({ reason: 'sending queue is full' }),
    ])
    law()
    pending[0]!.resolve(sent(1))
    await answered
    expect(sends.flat()).toEqual(['a', 'b'.repeat(20)])
    law()
  })

  test.each([
    [{}, 500, 2, 500],
    [{ queue_size: 9 }, 0, 1, 9],
    [{ queue_size: 9, sizer: 'items' }, 0, 2, 9],
    [{ queue_size: 99, sizer: 'bytes' }, 500, 2, 99],
  ])('shows how full it is: %j', async (size, maxBytes, filled, capacity) => {
    const written = { sending_queue: { storage: 'file_storage', ...size } }
    const { answers, exporter, account, folder } = await onDisk(written, { maxBytes })
    answers.push('later')
    exporter.consume(envelopes(['a', 'b']))
    const bytes = folder.stored[0]!.payload.length
    expect([account.fill!.size(), account.fill!.capacity]).toEqual([capacity === 9 ? filled : bytes, capacity])
  })

  test('a batch that is larger than all of it is lost as too large', async () => {
    const { offer, account, law } = await onDisk({}, { maxBytes: 40 })
    await offer(one('b'.repeat(200)))
    expect([account.dropped('too_large'), account.held()]).toEqual([1, 0])
    law()
  })

  test('loses its oldest segments with drop_oldest', async () => {
    const written = { when_full: 'drop_oldest', queue_size: 1 }
    const { exporter, answers, pending, sends, account, law } = await onDisk(written, { maxBytes: 120 })
    answers.push('later')
    for (let i = 0; i < 20; i++) {
      exporter.consume(one(`${i}`))
      law()
    }
    expect(account.dropped('displaced')).toBeGreaterThan(0)
    pending[0]!.resolve(sent(1))
    await turns(100)
    expect(sends.flat().at(-1)).toBe('19')
    expect(sends.flat()).toHaveLength(20 - account.dropped('displaced'))
    law()
  })

  test('loses what comes with drop_newest', async () => {
    const written = { when_full: 'drop_newest', queue_size: 1 }
    const { exporter, answers, account, law } = await onDisk(written, { maxBytes: 60 })
    answers.push('later')
    for (let i = 0; i < 20; i++) exporter.consume(one(`${i}`))
    expect(account.dropped('queue_full')).toBeGreaterThan(10)
    law()
  })
})

describe('a disk that takes nothing', () => {
  test('lets the sender wait with what was let in, refuses the rest, and goes on when it works again', async () => {
    const { folder, offer, clock, exporter, sends, law, account } = await onDisk()
    folder.failure = 'ENOSPC'
    let over = false
    const answered = offer(one('a')) as Promise<void>
    void answered.then(() => (over = true))
    expect([exporter.ready(), account.held()]).toEqual([false, 1])
    expect(offer(one('b'))).toMatchObject({ reason: 'no space left on device', retryAfterMs: 1000 })
    law()
    clock.advance(1000)
    await turns()
    expect(over).toBe(false)
    folder.failure = undefined
    clock.advance(1000)
    await answered
    expect([sends, exporter.ready()]).toEqual([[['a']], true])
    expect(offer(one('b'))).toBeUndefined()
    expect(account.droppedTotal).toBe(0)
    law()
  })

  test('does not stop what nobody can repeat: it goes on in memory', async () => {
    const { folder, exporter, sends, law, account } = await onDisk({ when_full: 'drop_newest' })
    folder.failure = 'EIO'
    exporter.consume(one('a'))
    exporter.consume(one('b'))
    expect([sends.flat(), account.sent]).toEqual([['a', 'b'], 2])
    law()
  })

  test('loses it only while older records wait on disk', async () => {
    const { folder, exporter, answers, pending, law, account, clock } = await onDisk({
      when_full: 'drop_newest',
      queue_size: 1,
    })
    answers.push('later')
    for (const text of ['a', 'b']) exporter.consume(one(text))
    folder.failure = 'EIO'
    const { outcomes, receipt } = watched()
    exporter.consume(one('c', [receipt]))
    expect([account.dropped('storage'), outcomes]).toEqual([1, [{ dropped: 'storage' }]])
    pending[0]!.resolve(sent(1))
    await turns(50)
    expect(account.sent).toBe(2)
    folder.failure = undefined
    clock.advance(1000)
    exporter.consume(one('d'))
    expect([account.sent, exporter.ready()]).toEqual([3, true])
    law()
  })

  test('drop_oldest makes room on a full disk first', async () => {
    const { folder, exporter, answers, account, law } = await onDisk({ when_full: 'drop_oldest', queue_size: 1 })
    answers.push('later')
    for (let i = 0; i < 8; i++) exporter.consume(one(`${i}`))
    folder.failure = 'ENOSPC'
    exporter.consume(one('x'))
    expect(account.dropped('displaced')).toBeGreaterThan(0)
    law()
  })

  test('that cannot be read is asked again', async () => {
    const { folder, exporter, answers, pending, sends, clock, law } = await onDisk({ queue_size: 1 })
    answers.push('later')
    for (const text of ['a', 'b', 'c']) exporter.consume(one(text))
    folder.unreadable = true
    pending[0]!.resolve(sent(1))
    await turns()
    folder.unreadable = false
    clock.advance(1000)
    await exporter.idle()
    expect(sends.flat()).toEqual(['a', 'b', 'c'])
    law()
  })
})

test('it is idle too when the last that it held was removed', async () => {
  const { exporter, answers, pending, folder, spools, account, law } = await onDisk({ queue_size: 1 })
  answers.push('later')
  for (const text of ['a', 'b']) exporter.consume(one(text))
  let isIdle = false
  void exporter.idle().then(() => (isIdle = true))
  folder.unreadable = true
  pending[0]!.resolve(sent(1))
  await turns()
  expect([isIdle, account.held()]).toEqual([false, 1])
  expect(spools[0]!.clear()).toBe(1)
  await turns()
  expect([isIdle, account.held(), account.dropped('removed')]).toEqual([true, 0, 1])
  law()
})

describe('the next process', () => {
  test('after a kill finds all that was not delivered, in order', async () => {
    const before = await onDisk({ queue_size: 2 })
    before.answers.push(sent(1), 'later')
    for (let i = 0; i < 7; i++) before.exporter.consume(one(`${i}`))
    const after = await onDisk({ queue_size: 2 }, { folder: killed(before.folder) })
    await after.exporter.idle()
    expect(after.sends.flat()).toEqual([...'123456'])
    expect([after.account.recovered, after.account.sent]).toEqual([6, 6])
    after.law()
  })

  test('after a stop finds what was kept; nothing is counted as lost', async () => {
    const before = await onDisk({ queue_size: 2, retry_on_failure: { initial_interval: '1s', max_interval: '1s' } })
    before.answers.push(new Retryable('down'))
    for (let i = 0; i < 7; i++) before.exporter.consume(one(`${i}`))
    await before.exporter.stop(AbortSignal.abort())
    expect([before.account.kept, before.account.droppedTotal, before.account.held()]).toEqual([7, 0, 0])
    before.law()
    const after = await onDisk({}, { folder: before.folder })
    await after.exporter.idle()
    expect(after.sends.flat()).toEqual([...'0123456'])
    after.law()
  })

  test('gets a batch that was sent in part as a whole, which is counted', async () => {
    const before = await onDisk({ max_batch_records: 2 })
    before.answers.push(sent(2), 'later')
    before.exporter.consume(envelopes(['a', 'b', 'c', 'd']))
    await before.exporter.stop(AbortSignal.abort())
    expect(before.account).toMatchObject({ sent: 2, kept: 2, maybe_duplicate: 2 })
    before.law()
    const after = await onDisk({}, { folder: before.folder })
    await after.exporter.idle()
    expect(after.sends.flat()).toEqual(['a', 'b', 'c', 'd'])
  })

  test('gets nothing of what was given up for good', async () => {
    const { exporter, answers, folder, account, law } = await onDisk({
      retry_on_failure: { enabled: false },
      max_batch_records: 2,
    })
    answers.push(new Dropped('rejected'), new Error('broken'))
    exporter.consume(envelopes(['a', 'b', 'c', 'd']))
    await turns()
    expect([left(folder), account.dropped('rejected'), account.dropped('connection')]).toEqual([0, 2, 2])
    law()
  })

  test('what the disk never took is lost with the end, and its sender told so', async () => {
    const { folder, offer, exporter, account, law } = await onDisk()
    folder.failure = 'EIO'
    const answered = offer(one('a')) as Promise<void>
    await exporter.stop(AbortSignal.abort())
    await expect(answered).rejects.toBeInstanceOf(Refused)
    expect(account.dropped('shutdown')).toBe(1)
    law()
  })
})

describe('a queue to which no pipeline leads', () => {
  test('is not opened, nor are its dead letters', async () => {
    const { spools, folders } = await onDisk({ dead_letter: { storage: 'file_storage' } }, { formats: ['logs'] })
    expect([spools.length, folders.size]).toEqual([0, 1])
  })

  test('is opened for what an earlier configuration left, which is sent', async () => {
    const before = await onDisk()
    before.answers.push('later')
    before.exporter.consume(one('a'))
    const after = await onDisk({}, { folder: killed(before.folder), formats: ['logs'] })
    await after.exporter.idle()
    expect([after.sends.flat(), after.account.recovered, left(after.folder)]).toEqual([['a'], 1, 0])
    after.law()
  })
})

describe('dead letters', () => {
  const written = { dead_letter: { storage: 'file_storage' } }

  test('keep what the backend refused for good, with what it said', async () => {
    const { exporter, answers, folders, account } = await onDisk({ ...written, sending_queue: {} })
    answers.push(new Dropped('rejected', 'InvalidArgument: no such tenant'), {
      sent: 1,
      rejected: 1,
      detail: 'too old',
    })
    exporter.consume(one('a'))
    exporter.consume(envelopes(['b', 'c']))
    exporter.consume(one('d'))
    await turns()
    const kept = folders.get('test.dead')!.stored.map(({ count, note }) => [count, note?.refusal])
    expect(kept).toEqual([
      [1, { reason: 'rejected', exporter: 'test', detail: 'InvalidArgument: no such tenant' }],
      // Which of the two it was nobody knows.
      [2, { reason: 'rejected', exporter: 'test', detail: 'too old' }],
    ])
    expect([account.dropped('rejected'), account.disk!().deadLetters]).toEqual([2, 2])
  })

  test('are not made of what was only out of reach', async () => {
    const { exporter, answers, folders } = await onDisk({ ...written, retry_on_failure: { enabled: false } })
    answers.push(new Retryable('down'))
    exporter.consume(one('a'))
    expect(folders.get('test.dead')!.stored).toEqual([])
  })

  test('that cannot be written are lost as they would be without', async () => {
    const { exporter, answers, folders, account, law } = await onDisk(written)
    folders.get('test.dead')!.failure = 'EIO'
    answers.push(new Dropped('rejected'))
    exporter.consume(one('a'))
    expect([account.dropped('rejected'), account.disk!().deadLetters]).toEqual([1, 0])
    law()
  })
})
