import { realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { newLogSeries } from '../../net/log-series.ts'
import { type Component, type DropReason, type Host, type Intake, Receipt, Refused } from '../../plugin.ts'
import type { Timer } from '../../runtime/clock.ts'
import type { Batch } from '../../telemetry/batch.ts'
import type { Outcome } from '../../telemetry/receipt.ts'
import { nanosFromMillis } from '../../wire/protobuf.ts'
import { encodeAttributes } from '../../wire/syslog/to-otlp.ts'
import { type CheckpointDisk, newCheckpointDisk } from './checkpoint-disk.ts'
import { Checkpoints } from './checkpoints.ts'
import type { FilelogConfig } from './config.ts'
import { newFinder } from './finder.ts'
import { LineSink } from './line-sink.ts'
import { blockBytes, Reader } from './reader.ts'
import type { Settlement, Stretch } from './settlement.ts'
import type { Tail } from './tail.ts'
import { Watch } from './watch.ts'

/** A file of which so much is on its way is not read on: what a dead peer costs, whatever queues allow. */
const mostUnsettled = 4 << 20
/** Files that one turn reads. */
const mostFiles = 256
const firstRetryMs = 50
const longestRetryMs = 5000
/** Losses that the next process would not have: it reads the records again. */
const mendable: ReadonlySet<DropReason> = new Set([
  'shutdown',
  'connection',
  'retries_exhausted',
  'queue_full',
  'memory',
])

interface Piece {
  readonly settlement: Settlement
  readonly stretch: Stretch
}

/** Reads files into the pipeline: one loop that looks for changes and reads, a block a turn. */
export function newFilelog(
  config: FilelogConfig,
  host: Host,
  intake: Intake,
  disk: CheckpointDisk | undefined = config.checkpoints === undefined
    ? undefined
    : newCheckpointDisk(config.checkpoints),
): Component {
  const { clock, log } = host
  const series = newLogSeries(log, clock)
  const checkpoints = disk && new Checkpoints(disk, config.checkpoints ?? '', log, clock)
  const reader = new Reader({
    headSize: config.fingerprint_size,
    encoding: config.encoding,
    multiline: config.multiline,
    maxEntry: config.max_log_size & ~1,
    truncates: config.max_log_size_behavior === 'truncate',
    keepsLeading: config.preserve_leading_whitespaces,
    keepsTrailing: config.preserve_trailing_whitespaces,
  })
  const sink = new LineSink(config.resource, config.encoding !== 'nop')
  let queue: Tail[] = []
  const held = new Set<Tail>()
  const watch = new Watch({
    finder: newFinder(config.include, config.exclude),
    checkpoints,
    clock,
    series,
    fromEnd: config.start_at === 'end',
    olderThanMs: config.exclude_older_than,
    headSize: config.fingerprint_size,
    mostOpen: config.max_concurrent_files,
    flushMs: config.force_flush_period,
    deletes: config.delete_after_read,
    attributesOf: (path) => encodeAttributes(attributesOf(path, config)),
    ready(tail) {
      if (tail.isReady || tail.isOver) return
      tail.isReady = true
      if (tail.settlement.unsettled >= mostUnsettled) held.add(tail)
      else queue.push(tail)
      wake()
    },
  })
  const withdraw = new AbortController()
  let isStopping = false
  let isWaiting = false
  let unsettledBatches = 0
  let pollAt = 0
  let timer: Timer | undefined
  let resume: (() => void) | undefined
  let running: Promise<void> | undefined

  const wake = () => {
    timer?.cancel()
    timer = undefined
    resume?.()
    resume = undefined
  }
  const rest = () =>
    new Promise<void>((done) => {
      resume = done
      timer = clock.after(Math.max(0, pollAt - clock.monotonic()), wake)
    })
  const run = async () => {
    while (!isStopping) {
      const isDue = clock.monotonic() >= pollAt
      if (isDue) {
        await watch.poll(pause)
        pollAt = clock.monotonic() + config.poll_interval
      }
      // A block between two looks at least: looks that take long must not keep files from being read.
      if (queue.length > 0 && !isWaiting && !isStopping) {
        await turn()
        await nextTurn()
      } else if (!isDue) await rest()
    }
  }
  const pause = async () => {
    await nextTurn()
    return !isStopping
  }
  /** Reads up to a block from the files that have something, and offers it. */
  const turn = async () => {
    ;[sink.timeLo, sink.timeHi] = nanosFromMillis(clock.now())
    const pieces: Piece[] = []
    const most = Math.min(queue.length, mostFiles)
    for (let i = 0; i < most && sink.bytes < blockBytes && !isStopping; i++) {
      const tail = queue[i]!
      queue[i] = undefined as never
      const more = await readOne(tail, pieces)
      tail.isReady = false
      if (more) {
        if (tail.settlement.unsettled >= mostUnsettled) held.add(tail)
        else queue.push(tail)
        tail.isReady = true
      }
    }
    queue = queue.filter((tail) => tail !== undefined)
    hand(pieces)
  }
  const readOne = async (tail: Tail, pieces: Piece[]): Promise<boolean> => {
    if (tail.isOver) return false
    const before = tail.offset
    try {
      if (!watch.open(tail)) {
        tail.size = tail.offset
        return false
      }
      const outcome = await reader.read(tail, sink)
      if (tail.offset > before) pieces.push({ settlement: tail.settlement, stretch: tail.settlement.add(tail.mark) })
      if (outcome === 'changed') watch.changed(tail)
      else watch.wasRead(tail, reader.head)
      return outcome === 'more' && !tail.isOver
    } catch (error) {
      watch.unreadable(tail.path, error)
      // The next look finds that there is more, and tries again.
      tail.size = tail.offset
      return false
    }
  }
  const hand = (pieces: readonly Piece[]) => {
    const batch = sink.take([new Receipt((outcome) => settle(pieces, outcome))])
    unsettledBatches++
    if (batch) void deliver(batch)
    else settle(pieces, 'delivered')
  }
  const settle = (pieces: readonly Piece[], outcome: Outcome) => {
    unsettledBatches--
    const isLost =
      typeof outcome === 'object' && (outcome.dropped === 'shutdown' || (isStopping && mendable.has(outcome.dropped)))
    if (!isLost) {
      for (const { settlement, stretch } of pieces) {
        if (!settlement.settle(stretch)) continue
        checkpoints?.move(settlement.owner)
        watch.settled(settlement.owner)
        if (held.delete(settlement.owner)) queue.push(settlement.owner)
      }
      checkpoints?.commit()
    }
    if (isStopping && unsettledBatches === 0) checkpoints?.close()
    wake()
  }
  const deliver = async (batch: Batch) => {
    isWaiting = true
    for (let retryMs = firstRetryMs; ; retryMs = Math.min(longestRetryMs, retryMs * 2)) {
      try {
        const waits = intake.offer(batch, withdraw.signal)
        if (waits) await waits
        break
      } catch (error) {
        if (!(error instanceof Refused)) {
          log.error(`handing on ${batch.count} records failed: ${(error as Error).stack ?? error}`)
          break
        }
        if (isStopping) {
          for (const receipt of batch.receipts) receipt.settle({ dropped: 'shutdown' })
          break
        }
        await new Promise<void>((done) => {
          giveUp = done
          clock.after(error.retryAfterMs ?? retryMs, done)
        })
      }
    }
    isWaiting = false
    wake()
  }
  let giveUp: (() => void) | undefined

  observe(host, reader, watch, checkpoints)
  return {
    async start() {
      if (checkpoints) watch.resume(checkpoints.load())
      log.info('reading files', { include: config.include.join(', ') })
      running = run().catch((error) => log.error(`reading files failed: ${error.stack ?? error}`))
    },
    async stop() {
      if (isStopping) return
      isStopping = true
      withdraw.abort()
      giveUp?.()
      wake()
      await running
      // What waited was refused in this turn.
      await nextTurn()
      watch.close()
      series.close()
      // Records on their way are settled while the queues drain; the last one writes.
      if (unsettledBatches === 0) checkpoints?.close()
      else checkpoints?.commit(true)
    },
  }
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

function attributesOf(path: string, config: FilelogConfig): Record<string, string> {
  const all: Record<string, string> = { ...config.attributes }
  if (config.include_file_name) all['log.file.name'] = basename(path)
  if (config.include_file_path) all['log.file.path'] = path
  if (!config.include_file_name_resolved && !config.include_file_path_resolved) return all
  const real = resolved(path)
  if (config.include_file_name_resolved) all['log.file.name_resolved'] = basename(real)
  if (config.include_file_path_resolved) all['log.file.path_resolved'] = real
  return all
}

function resolved(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return join(resolve(dirname(path)), basename(path))
  }
}

/** Shows what is counted. */
function observe(host: Host, { counts: read }: Reader, watch: Watch, checkpoints: Checkpoints | undefined): void {
  const { counts } = watch
  host.total('entries', 'Entries read.', () => read.entries)
  host.total('read_bytes', 'Bytes of files that were cut into entries.', () => read.bytes)
  host.total('repaired_entries', 'Entries in which invalid text was replaced.', () => read.repaired)
  host.total('cut_entries', 'Entries that were longer than max_log_size.', () => read.cut)
  host.total('files', 'Files that were found.', () => counts.files)
  host.total('rotated_files', 'Files that went from their path.', () => counts.rotated)
  host.total('truncated_files', 'Files that were truncated or replaced in place.', () => counts.truncated)
  host.total(
    'lost_bytes',
    'Bytes known to have been there that were gone before they could be read.',
    () => counts.lostBytes,
  )
  host.total('unreadable_files', 'Attempts to open or read a file that failed.', () => counts.unreadable)
  host.gauge('watched_files', 'Files that are looked at.', () => watch.watchedFiles)
  host.gauge('open_files', 'Files held open.', () => watch.openFiles)
  host.gauge('departed_files', 'Files that went from their path and are still held.', () => watch.departedFiles)
  if (checkpoints)
    host.total('checkpoint_failures', 'Checkpoints that could not be written.', () => checkpoints.failures)
}
