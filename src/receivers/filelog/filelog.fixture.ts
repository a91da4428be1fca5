import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { decodeOtlpLogs, type Message } from '../../../test/support/decode.ts'
import { newFolder } from '../../../test/support/folder.ts'
import { Budget } from '../../delivery/budget.ts'
import { type Account, Ledger } from '../../delivery/ledger.ts'
import { newHost } from '../../engine/host.ts'
import type { Batch, Clock, Intake } from '../../plugin.ts'
import { systemClock } from '../../runtime/clock.ts'
import { newLog } from '../../runtime/log.ts'
import { Metrics } from '../../runtime/metrics.ts'
import type { CheckpointDisk } from './checkpoint-disk.ts'
import { newFilelog } from './filelog.ts'
import filelog from './index.ts'

/** A running receiver and what came of it. */
export interface Run {
  readonly folder: string
  readonly batches: Batch[]
  readonly log: string[]
  readonly account: Account
  readonly budget: Budget
  path(name: string): string
  write(name: string, text: string | Buffer): void
  records(): Message[]
  bodies(): string[]
  counter(name: string): number
  /** Resolves when it holds. */
  until(enough: () => boolean): Promise<void>
  lines(count: number): Promise<string[]>
  /** Settles every batch that waits for it. */
  settle(outcome?: 'delivered' | 'shutdown'): void
  stop(): Promise<void>
}

export interface RunOptions {
  folder?: string
  clock?: Clock
  intake?: Intake
  disk?: CheckpointDisk
  /** Receipts wait for `settle`. */
  holds?: boolean
}

/** Starts a receiver on a folder; `include` is relative to it. */
export async function startRun(settings: Record<string, unknown> = {}, options: RunOptions = {}): Promise<Run> {
  const folder = options.folder ?? newFolder()
  const path = (name: string) => join(folder, name)
  const paths = (names: unknown) => (names as string[]).map(path)
  const { include = ['*.log'], exclude = [], checkpoints, ...rest } = settings
  const config = filelog.config.parse({
    include: paths(include),
    exclude: paths(exclude),
    start_at: 'beginning',
    poll_interval: '5ms',
    ...(checkpoints !== undefined && { checkpoints: path(String(checkpoints)) }),
    ...rest,
  })
  const batches: Batch[] = []
  const log: string[] = []
  const ledger = new Ledger()
  const account = ledger.open('receiver', 'filelog')
  const metrics = new Metrics()
  const budget = new Budget('service')
  const shared = {
    log: newLog({ level: 'info', write: (line) => void log.push(line) }),
    clock: options.clock ?? systemClock,
    metrics,
    ledger,
    budget,
  }
  const identity = { kind: 'receiver', type: 'filelog', id: 'filelog', account, readsOrigins: false } as const
  const host = newHost(shared, { ...identity, extension: () => undefined })
  const open: Batch[] = []
  const settle = (outcome: 'delivered' | 'shutdown' = 'delivered') => {
    for (const batch of open.splice(0))
      for (const receipt of batch.receipts) receipt.settle(outcome === 'delivered' ? outcome : { dropped: outcome })
  }
  const keep: Intake = {
    offer(batch, signal) {
      const waits = options.intake?.offer(batch, signal)
      const take = () => {
        batches.push(batch)
        open.push(batch)
        if (!options.holds) settle()
      }
      return waits ? waits.then(take) : take()
    },
  }
  const receiver = newFilelog(config as never, host, keep, ...(options.disk ? [options.disk] : []))
  await receiver.start()
  let isStopped = false
  const stop = async () => {
    if (isStopped) return
    isStopped = true
    await receiver.stop(new AbortController().signal)
  }
  onTestFinished(stop)
  const until = async (enough: () => boolean) => {
    while (!enough()) await new Promise((resolve) => setTimeout(resolve, 2))
  }
  const records = () => batches.flatMap(recordsOf)
  const bodies = () => records().map(bodyOf)
  return {
    folder,
    batches,
    log,
    account,
    budget,
    path,
    write: (name, text) => appendFileSync(path(name), text),
    records,
    bodies,
    counter: (name) =>
      (metrics.find(`tailrace_filelog_${name}_total`) ?? metrics.find(`tailrace_filelog_${name}`))?.series[0]?.value ??
      Number.NaN,
    until,
    async lines(count) {
      await until(() => batches.reduce((sum, batch) => sum + batch.count, 0) >= count)
      return bodies()
    },
    settle,
    stop,
  }
}

export function recordsOf(batch: Batch): Message[] {
  const { resourceLogs } = decodeOtlpLogs(batch.bytes()) as { resourceLogs: Message[] }
  return resourceLogs.flatMap(({ scopeLogs }) =>
    (scopeLogs as Message[]).flatMap((scope) => scope.logRecords as Message[]),
  )
}

export const bodyOf = ({ body }: Message): string => (body as { stringValue: string }).stringValue

/** Attributes as an object. */
export const attributesOf = ({ attributes = [] }: Message): Record<string, unknown> =>
  Object.fromEntries(
    (attributes as { key: string; value: { stringValue: string } }[]).map(({ key, value }) => [key, value.stringValue]),
  )
