import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { newFolder } from '../../test/support/folder.ts'
import type { Withdrawn } from '../delivery/withdrawal.ts'
import { systemClock } from '../runtime/clock.ts'
import { silentLog } from '../runtime/log.ts'
import { openSpool, type SpoolRecord } from '../storage/spool.ts'
import { moveBatches } from './queue-move.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }))
afterEach(() => void vi.useRealTimers())

/** So that the agent hears how far it has come. */
const whileTold = () => vi.advanceTimersByTimeAsync(5000)

/** Moves four batches of a record, of which the agent says what `answers` say in turn, and else takes out what it is told. */
async function moved(answers: (Partial<Withdrawn> | Error)[], take: (record: SpoolRecord) => Promise<unknown>) {
  const folder = newFolder()
  const bounds = { maxBytes: 0, maxAgeMs: 0, maxLossMs: 500, onLost: () => {} }
  const spool = await openSpool({ folder, clock: systemClock, log: silentLog, ...bounds })
  for (let i = 0; i < 4; i++) spool.append(Buffer.from('a'), 1, 'logs')
  await spool.close()
  const asked: [number, boolean][] = []
  const sent: number[] = []
  let out = 0
  const ask = async (upTo: number, last: boolean): Promise<Withdrawn> => {
    asked.push([upTo, last])
    const answer = answers.shift()
    if (answer instanceof Error) throw answer
    const batches = Math.max(0, upTo - out)
    out += batches
    return { batches, records: batches, from: out + 1, next: 5, ...answer }
  }
  const result = await moveBatches(
    folder,
    {},
    async (record) => {
      await take(record)
      sent.push(record.sequence)
    },
    ask,
  )
  return { asked, sent, batches: result.batches, why: result.stopped?.message }
}

test('the agent takes out what was handed over, and hears of the end', async () => {
  expect(await moved([], async () => {})).toEqual({
    asked: [
      [-1, false],
      [4, true],
    ],
    sent: [1, 2, 3, 4],
    batches: 4,
    why: undefined,
  })
})

test('an agent that did not answer once hears of the end all the same, and takes out all that was handed over', async () => {
  const told = await moved([{}, new Error('no answer')], async ({ sequence }) => {
    if (sequence === 3) await whileTold()
  })
  expect(told).toEqual({
    asked: [
      [-1, false],
      [2, false],
      [3, true],
    ],
    sent: [1, 2, 3],
    batches: 3,
    why: 'no answer',
  })
})

test('what may arrive twice is told beside the first reason', async () => {
  const { asked, why } = await moved([{}, new Error('gone')], async () => {})
  expect([asked.at(-1), why]).toEqual([
    [4, true],
    'gone; the agent did not take out 4 of the batches that were sent: they may arrive twice',
  ])
})

test('what the agent took out unsent is told', async () => {
  const { why } = await moved([{}, { batches: 6 }], async () => {})
  expect(why).toBe('the agent took out 2 batches more than were found in the folder: they were not sent')
})

test('what came since the beginning stays, even if the agent says later that it has it', async () => {
  const { asked, sent } = await moved([{ next: 3 }], async () => {})
  expect([sent, asked.at(-1)]).toEqual([
    [1, 2],
    [2, true],
  ])
})

test('an agent that needs several answers is asked until it is done', async () => {
  const { asked, batches, why } = await moved([{}, { batches: 1, more: true }, { batches: 3 }], async () => {})
  expect([asked.slice(1), batches, why]).toEqual([
    [
      [4, true],
      [4, true],
    ],
    4,
    undefined,
  ])
})
