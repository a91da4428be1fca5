import { systemClock } from '../runtime/clock.ts'
import { newLog } from '../runtime/log.ts'
import type { TimeRange } from '../storage/inspect.ts'
import { openSpool, type Spool, type SpoolRecord } from '../storage/spool.ts'
import { type Taken, takeBatches } from '../storage/take-batches.ts'
import { type AgentFlags, askJson, findAgents } from './admin-client.ts'

/** Records that were removed, and that an agent has in memory on their way out: those stay. */
export interface Dropped {
  readonly records: number
  readonly underWay: number
}

/** What changes a queue: done here where no agent runs, and by the agent where one does. */
export interface QueueAdmin {
  /** Removes the batches of a time. */
  drop(folder: string, range: TimeRange): Promise<Dropped>
  /** Hands over the batches of a time, and removes each that was taken. */
  take(folder: string, range: TimeRange, take: (record: SpoolRecord) => Promise<void>): Promise<Taken>
}

/** Opens a queue that no agent uses, for as long as `work` takes. Throws a sentence when one does. */
export async function withQueue<T>(folder: string, work: (spool: Spool) => Promise<T>): Promise<T> {
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
}

/** The queue of an agent that runs, through its admin socket. `holder` is who has it. */
export function runningQueues(flags: AgentFlags, holder: string): QueueAdmin {
  const stopFirst = `stop the agent first (${holder} has the queue)`
  return {
    async drop(folder, range) {
      if (range.since !== undefined || range.to !== undefined)
        throw new Error(`a running agent drops all or nothing: leave --since and --to out, or ${stopFirst}`)
      for (const agent of await findAgents(flags)) {
        if (!agent.commands.includes('queue.drop')) continue
        const answer = (await askJson(agent, 'POST', '/v1/commands/queue.drop', { folder })) as Partial<Dropped>
        if (answer.records !== undefined) return { underWay: 0, ...answer, records: answer.records }
      }
      throw new Error(`no agent that can be asked has ${folder} open: name its socket with --admin, or ${stopFirst}`)
    },
    take: () =>
      Promise.reject(
        new Error(`to send batches and take them out of the queue, ${stopFirst}; with --keep they are only sent`),
      ),
  }
}
