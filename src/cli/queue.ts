import { parseDuration } from '../config/units.ts'
import { holdsOf, messagesOf } from '../drains/remnant.ts'
import { deadLetterEnd, queueOfDeadLetters } from '../storage/folder-name.ts'
import { inspectQueue, peekQueue, verifyQueue } from '../storage/inspect.ts'
import type { AgentFlags } from './admin-client.ts'
import { ExitCode } from './exit-codes.ts'
import { type QueueAdmin, runningQueues, stoppedQueues } from './queue-admin.ts'
import { queueAt, queuesAt } from './queue-places.ts'
import { checkFile, newTarget, type QueueTarget } from './queue-send.ts'
import { batchJson, batchText, listText, verifiedText } from './queue-text.ts'
import { type RangeFlags, rangeOf } from './queue-times.ts'
import { grouped, records } from './words.ts'

export interface QueueFlags extends RangeFlags, AgentFlags {
  readonly exporter?: string
  readonly json?: boolean
}

export interface PeekFlags extends QueueFlags {
  readonly number: string
  readonly records: string
}

export interface ReplayFlags extends QueueFlags {
  readonly endpoint?: string
  readonly header: readonly string[]
  readonly serverName?: string
  readonly timeout: string
  readonly keep?: boolean
}

export interface DropFlags extends QueueFlags {
  readonly yes?: boolean
}

const batchCount = (n: number) => `${grouped(n)} ${n === 1 ? 'batch' : 'batches'}`

const say = (text: string) => void process.stdout.write(text)
const note = (text: string) => void process.stderr.write(`${text}\n`)

/** Lists queues; also those that agents use at the moment. */
export async function queueLs(place: string, flags: QueueFlags): Promise<number> {
  const queues = await Promise.all((await queuesAt(place, flags.exporter)).map((folder) => inspectQueue(folder)))
  const named = queues.map((queue) => ({ ...queue, holds: holdsOf(queue.folder) }))
  say(flags.json ? `${JSON.stringify(named, undefined, 2)}\n` : listText(named, Date.now()))
  return ExitCode.ok
}

/** Goes over every byte; answers 1 when something is damaged. */
export async function queueVerify(place: string, flags: QueueFlags): Promise<number> {
  const all = []
  for (const folder of await queuesAt(place, flags.exporter)) {
    const verified = await verifyQueue(folder)
    all.push(verified)
    if (!flags.json) say(verifiedText(verified))
  }
  if (flags.json) say(`${JSON.stringify(all, undefined, 2)}\n`)
  return all.some(({ faults }) => faults.length > 0) ? ExitCode.failed : ExitCode.ok
}

/** Shows the oldest batches of a queue. */
export async function queuePeek(place: string, flags: PeekFlags): Promise<number> {
  const [most, each] = [wholeNumber('--number', flags.number), wholeNumber('--records', flags.records)]
  const range = rangeOf(flags, Date.now())
  const folder = await queueAt(place, flags.exporter)
  const holds = holdsOf(folder)
  const show = flags.json ? batchJson : batchText
  let shown = 0
  for await (const batch of peekQueue(folder, range)) {
    if (shown === most) break
    say(show(holds ? { ...batch, payload: messagesOf(batch.payload), holds } : batch, each))
    shown++
  }
  if (shown === 0) note(`no batches${flags.since || flags.to ? ' of that time' : ''} wait in ${folder}`)
  return ExitCode.ok
}

/** Sends what is in a queue somewhere, or puts dead letters back into theirs. */
export async function queueReplay(place: string, flags: ReplayFlags): Promise<number> {
  const range = rangeOf(flags, Date.now())
  for (const name of ['ca', 'cert', 'key'] as const) checkFile(`--${name}`, flags[name])
  const timeoutMs = parseDuration(flags.timeout)
  if (typeof timeoutMs !== 'number' || timeoutMs <= 0)
    throw new Error(`--timeout takes a duration such as 10s, not "${flags.timeout}"`)
  const folder = await queueAt(place, flags.exporter)
  const { endpoint } = flags
  if (holdsOf(folder))
    throw new Error(
      `${folder} holds finished syslog messages, which only the drains they were made for take: start the agent with its configuration, which sends them before all others; \`tailrace queue peek\` shows them, \`tailrace queue drop\` removes them`,
    )
  if (endpoint === undefined) return requeue(folder, flags)
  const target = newTarget({ ...flags, endpoint, timeoutMs })
  try {
    return flags.keep
      ? await sendCopies(folder, range, target, endpoint)
      : await sendAway(folder, flags, target, endpoint)
  } finally {
    await target.close()
  }
}

async function sendAway(folder: string, flags: ReplayFlags, target: QueueTarget, endpoint: string): Promise<number> {
  let refused = 0
  const admin = await adminOf(folder, flags)
  const taken = await admin.take(folder, rangeOf(flags, Date.now()), async (record) => {
    refused += await target.send(record)
  })
  say(`sent ${records(taken.records)} in ${batchCount(taken.batches)} to ${endpoint}\n`)
  if (refused > 0) note(`${endpoint} did not take ${records(refused)} of them`)
  if (!taken.stopped) return ExitCode.ok
  note(`tailrace: ${taken.stopped.message}; what was not sent stays in ${folder}`)
  return ExitCode.failed
}

async function sendCopies(folder: string, range: ReturnType<typeof rangeOf>, target: QueueTarget, endpoint: string) {
  let batches = 0
  let sent = 0
  let refused = 0
  for await (const record of peekQueue(folder, range)) {
    refused += await target.send(record)
    batches++
    sent += record.count
  }
  say(`sent copies of ${records(sent)} in ${batchCount(batches)} to ${endpoint}\n`)
  if (refused > 0) note(`${endpoint} did not take ${records(refused)} of them`)
  return ExitCode.ok
}

/** Puts dead letters back into the queue they came from: behind what waits there. */
async function requeue(folder: string, flags: ReplayFlags): Promise<number> {
  const queue = queueOfDeadLetters(folder)
  if (queue === undefined)
    throw new Error(
      `say where to send it with --endpoint; only dead letters (a folder that ends in ${deadLetterEnd}) go back into a queue`,
    )
  const taken = await (await adminOf(folder, flags)).requeue(folder, queue, rangeOf(flags, Date.now()))
  say(`put ${records(taken.records)} in ${batchCount(taken.batches)} back into ${queue}\n`)
  if (taken.stopped) note(`tailrace: ${taken.stopped.message}; the rest stays in ${folder}`)
  return taken.stopped ? ExitCode.failed : ExitCode.ok
}

/** Removes what is in a queue, when it is said that it is meant. */
export async function queueDrop(place: string, flags: DropFlags): Promise<number> {
  const range = rangeOf(flags, Date.now())
  const folder = await queueAt(place, flags.exporter)
  if (!flags.yes) {
    let found = 0
    for await (const { count } of peekQueue(folder, range)) found += count
    note(`this would remove ${records(found)} from ${folder}; say --yes to do it`)
    return ExitCode.failed
  }
  const dropped = await (await adminOf(folder, flags)).drop(folder, range)
  say(`removed ${records(dropped.records)} from ${folder}\n`)
  if (dropped.underWay > 0) note(`${records(dropped.underWay)} that the agent has in memory, on their way out, stay`)
  if (dropped.stopped === undefined) return ExitCode.ok
  note(`tailrace: ${dropped.stopped}`)
  return ExitCode.failed
}

async function adminOf(folder: string, flags: AgentFlags): Promise<QueueAdmin> {
  const { holder } = await inspectQueue(folder)
  return holder === undefined ? stoppedQueues : runningQueues(flags, holder)
}

function wholeNumber(flag: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`${flag} takes a whole number, not "${text}"`)
  return Number(text)
}
