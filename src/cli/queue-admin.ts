import { randomUUID } from 'node:crypto'
import type { Withdrawn } from '../delivery/withdrawal.ts'
import { systemClock } from '../runtime/clock.ts'
import { newLog } from '../runtime/log.ts'
import { queueOfDeadLetters } from '../storage/folder-name.ts'
import { peekQueue } from '../storage/inspect.ts'
import { openSpool, type Spool, type SpoolRecord } from '../storage/spool.ts'
import { type Taken, takeBatches } from '../storage/take-batches.ts'
import type { TimeRange } from '../storage/time-range.ts'
import { type AgentFlags, askJson, findAgents } from './admin-client.ts'
import type { Replayed } from './queue-commands.ts'
import { moveBatches } from './queue-move.ts'

/** Records that were removed, and that a drain of an agent has in memory on their way out: those stay. */
export interface Dropped {
  readonly records: number
  readonly underWay: number
  /** Why not all of them. */
  readonly stopped?: string
}

/** What changes a queue: done here where no agent runs, and by the agent where one does. */
export interface QueueAdmin {
  /** Removes the batches of a time. */
  drop(folder: string, range: TimeRange): Promise<Dropped>
  /** Hands over the batches of a time, and removes each that was taken. */
  take(folder: string, range: TimeRange, take: (record: SpoolRecord) => Promise<void>): Promise<Taken>
  /** Puts the dead letters of a time back into their queue, behind what waits there. */
  requeue(letters: string, queue: string, range: TimeRange): Promise<Taken>
}

/** Opens a queue that no agent uses, for as long as `work` takes. Throws a sentence when one does. */
async function withQueue<T>(folder: string, work: (spool: Spool) => Promise<T>): Promise<T> {
  const log = newLog({ level: 'warn' })
  const bounds = { maxBytes: 0, maxAgeMs: 0, maxLossMs: 0 }
  const spool = await openSpool({ folder, clock: systemClock, log, ...bounds, onLost: () => {} })
  try {
    return await work(spool)
  } finally {
    await spool.close()
  }
}

/** Queues of agents that do not run. */
export const stoppedQueues: QueueAdmin = {
  drop: (folder, range) =>
    withQueue(folder, async (spool) => {
      const { records } = await takeBatches(spool, range, () => Promise.resolve())
      return { records, underWay: 0 }
    }),
  take: (folder, range, take) => withQueue(folder, (spool) => takeBatches(spool, range, take)),
  requeue: (letters, queue, range) =>
    withQueue(queue, (into) =>
      stoppedQueues.take(letters, range, async ({ payload, count, format, note }) => {
        const { origin } = note ?? {}
        await into.whenSynced(into.append(payload, count, format, origin && { origin }))
      }),
    ),
}

type AskedFor = { folder: string; by?: string; last?: boolean } & TimeRange

type DropAnswer = Omit<Dropped, 'underWay'> & Partial<Dropped & Withdrawn>

/** The queue of an agent that runs, through its admin socket. `holder` is who has it. */
export function runningQueues(flags: AgentFlags, holder: string): QueueAdmin {
  const by = randomUUID()
  const stopFirst = `stop the agent first (${holder} has the queue)`
  /** What the agent that has the folder answers: others answer nothing. */
  const ask = async <T extends object>(command: string, input: AskedFor): Promise<T> => {
    for (const agent of await findAgents(flags)) {
      if (!agent.commands.includes(command)) continue
      const answer = (await askJson(agent, 'POST', `/v1/commands/${command}`, input)) as Partial<T>
      if (Object.keys(answer).length > 0) return answer as T
    }
    throw new Error(
      `no agent that can be asked has ${input.folder} open: name its socket with --admin, or ${stopFirst}`,
    )
  }
  return {
    async drop(folder, range) {
      for (let before = 0; ; ) {
        const { records, underWay = 0, stopped, more } = await ask<DropAnswer>('queue.drop', { folder, ...range, by })
        before += records
        if (!more) return { records: before, underWay, ...(stopped !== undefined && { stopped }) }
      }
    },
    async take(folder, range, take) {
      if (!queueOfDeadLetters(folder))
        return moveBatches(folder, range, take, (upTo, last) => ask('queue.take', { folder, ...range, upTo, by, last }))
      const { upTo, stopped } = await sendInOrder(folder, range, take)
      const { records, batches } = await ask<Replayed>('queue.drop', { folder, ...range, upTo })
      return { records, batches, stopped }
    },
    async requeue(folder, _queue, range) {
      // What is refused once more meanwhile must not be put back without end.
      const before = { ...range, to: range.to ?? Date.now() }
      const all: Taken = { records: 0, batches: 0, stopped: undefined }
      for (;;) {
        const { records, batches, stopped, more } = await ask<Replayed>('queue.replay', { folder, ...before })
        all.records += records
        all.batches += batches
        if (stopped !== undefined) all.stopped = new Error(stopped)
        if (!more) return all
      }
    },
  }
}

/** Hands over until `take` rejects; `upTo` is the last one that was taken. */
async function sendInOrder(folder: string, range: TimeRange, take: (record: SpoolRecord) => Promise<void>) {
  let upTo = -1
  try {
    for await (const record of peekQueue(folder, range)) {
      await take(record)
      upTo = record.sequence
    }
  } catch (error) {
    return { upTo, stopped: error as Error }
  }
  return { upTo, stopped: undefined }
}
