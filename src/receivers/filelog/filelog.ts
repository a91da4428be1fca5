import { storageOf } from '../../delivery/queue-storage.ts'
import { newLogSeries } from '../../net/log-series.ts'
import { type Component, type Host, type Intake, type LogSeries, Receipt } from '../../plugin.ts'
import type { Timer } from '../../runtime/clock.ts'
import type { Outcome } from '../../telemetry/receipt.ts'
import { nanosFromMillis } from '../../wire/protobuf.ts'
import { type CheckpointDisk, newCheckpointDisk } from './checkpoint-disk.ts'
import { Checkpoints } from './checkpoints.ts'
import type { FilelogConfig } from './config.ts'
import { showCounters } from './counters.ts'
import { Deliveries, type Piece } from './deliveries.ts'
import { fileAttributes } from './file-attributes.ts'
import { newFinder } from './finder.ts'
import { LineSink } from './line-sink.ts'
import { newOffer } from './offer.ts'
import { EntrySink } from './operators/entry-sink.ts'
import type { Place } from './operators/operator.ts'
import { ReadQueue } from './read-queue.ts'
import { blockBytes, Reader } from './reader.ts'
import type { Sink } from './sink.ts'
import type { Tail } from './tail.ts'
import { Watch } from './watch.ts'

/** Files that one turn reads. */
const mostFiles = 256

/** The file of checkpoints, where there is to be one. */
function placeOf({ checkpoints, storage }: FilelogConfig, host: Host): string | undefined {
  if (storage === undefined) return checkpoints
  return storageOf(host, storage).stateFile?.(host.kind, host.id)
}

function checkpointDisk(config: FilelogConfig, host: Host): CheckpointDisk | undefined {
  const path = placeOf(config, host)
  return path === undefined ? undefined : newCheckpointDisk(path)
}

/** Reads files into the pipeline: one loop that looks for changes and reads, a block a turn. */
export function newFilelog(
  config: FilelogConfig,
  host: Host,
  intake: Intake,
  disk: CheckpointDisk | undefined = checkpointDisk(config, host),
): Component {
  const { clock, log } = host
  const series = newLogSeries(log, clock)
  const checkpoints = disk && new Checkpoints(disk, placeOf(config, host) ?? '', log, clock)
  const reader = newReader(config, host)
  let reading: Tail | undefined
  const place: Place = {
    get tail() {
      return reading!
    },
    addTo(marks) {
      if (!marks.has(reading!)) marks.set(reading!, reader.placeOfEntry(reading!))
    },
  }
  const sink = newSink(config, host, series, place)
  const queue = new ReadQueue()
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
    attributesOf: (path) => fileAttributes(path, config),
    ready(tail) {
      if (queue.add(tail)) wake()
    },
  })
  const { files } = watch
  const deliveries = new Deliveries(files, checkpoints, log, (tail) => queue.free(tail))
  const offer = newOffer({ intake, clock, log, done: () => wake() })
  /** Files of which something was read and is not on its way: just now, or since entries wait for others. */
  const pending = new Set<Tail>()
  let isStopping = false
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
  const stamp = () => {
    ;[sink.timeLo, sink.timeHi] = nanosFromMillis(clock.now())
  }
  const rest = () =>
    new Promise<void>((done) => {
      resume = done
      timer = clock.after(Math.max(0, pollAt - clock.monotonic()), wake)
    })
  const pause = async () => {
    await nextTurn()
    return !isStopping
  }
  const run = async () => {
    let readUntil = 0
    while (!isStopping) {
      const begun = clock.monotonic()
      const isDue = begun >= pollAt
      if (isDue) {
        await watch.poll(pause)
        const now = clock.monotonic()
        pollAt = now + config.poll_interval
        readUntil = 2 * now - begun
        if (!offer.isWaiting) release(false)
      }
      // A block between two looks at least, and for as long as the look took: looks that take long must not keep files
      // from being read, else those that are held open become too many.
      let isRead = false
      while (queue.size > 0 && !offer.isWaiting && !isStopping && (!isRead || clock.monotonic() < readUntil)) {
        await turn()
        await nextTurn()
        isRead = true
      }
      if (!isRead && !isDue) await rest()
    }
  }
  /** Reads up to a block from the files that have something, and offers it. */
  const turn = async () => {
    stamp()
    const unread: Tail[] = []
    for (let most = Math.min(queue.size, mostFiles); most > 0 && sink.bytes < blockBytes && !isStopping; most--) {
      const tail = queue.take()
      if (await readOne(tail)) unread.push(tail)
    }
    hand()
    // Only now it is known how much of them is on its way.
    for (const tail of unread) queue.add(tail)
  }
  /** True when there is more. */
  const readOne = async (tail: Tail): Promise<boolean> => {
    if (tail.isOver) return false
    try {
      if (!files.open(tail)) return leave(tail)
      reading = tail
      const outcome = await reader.read(tail, sink)
      pending.add(tail)
      if (outcome === 'changed') watch.changed(tail)
      else files.wasRead(tail, reader.head)
      return outcome === 'more' && !tail.isOver
    } catch (error) {
      files.unreadable(tail.path, error)
      return leave(tail)
    }
  }
  /** What was read is on its way, but for entries that wait for others. */
  const advance = (): Piece[] => {
    const pieces: Piece[] = []
    const places = sink.places()
    for (const tail of pending) {
      const { settlement } = tail
      const mark = places.get(tail) ?? tail.mark
      if (mark.offset > settlement.end) pieces.push({ settlement, stretch: settlement.add(mark) })
      if (mark.offset >= tail.offset) pending.delete(tail)
    }
    return pieces
  }
  /** Entries that have waited long enough go on without others, and those of files that are over; or all do. */
  const release = (all: boolean) => {
    stamp()
    if (pending.size > 0 && sink.release(all)) hand()
  }
  const hand = () => {
    const pieces = advance()
    const { count } = sink
    const settle = (outcome: Outcome) => {
      deliveries.settle(pieces, count, outcome)
      wake()
    }
    deliveries.begin()
    const batch = sink.take([new Receipt(settle)])
    if (batch) void offer.deliver(batch)
    else settle('delivered')
  }

  showCounters(host, reader, files, checkpoints)
  return {
    async start() {
      if (checkpoints) watch.resume(checkpoints.load())
      log.info('reading files', { include: config.include.join(', ') })
      running = run().catch((error) => log.error(`reading files failed: ${error.stack ?? error}`))
    },
    async stop() {
      if (isStopping) return
      isStopping = true
      wake()
      await running
      // With checkpoints they are read again, and perhaps with those that belong to them.
      if (!checkpoints && !offer.isWaiting) release(true)
      deliveries.stopping()
      offer.stop()
      // What waited was refused in this turn.
      await nextTurn()
      watch.close()
      reader.close()
      sink.close()
      series.close()
      deliveries.stop()
    },
  }
}

const newReader = (config: FilelogConfig, { budget }: Host) =>
  new Reader(
    {
      headSize: config.fingerprint_size,
      encoding: config.encoding,
      multiline: config.multiline,
      maxEntry: config.max_log_size & ~1,
      truncates: config.max_log_size_behavior === 'truncate',
      keepsLeading: config.preserve_leading_whitespaces,
      keepsTrailing: config.preserve_trailing_whitespaces,
    },
    budget,
  )

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Lines become records at once, or by way of operators. */
function newSink(config: FilelogConfig, host: Host, series: LogSeries, place: Place): Sink {
  const { resource, encoding } = config
  const isText = encoding !== 'nop'
  if (config.operators.length === 0) return new LineSink(resource, isText)
  const failures = host.counter('operator_errors', 'Failures of operators on entries.')
  const clock = { now: () => host.clock.now(), monotonic: () => host.clock.monotonic() }
  return new EntrySink({
    operators: config.operators.map((make) => make(clock)),
    resource,
    isText,
    series,
    dropped: () => host.dropped('rule', 1),
    failed: () => failures.add(1),
    place,
    budget: host.budget,
  })
}

/** The next look finds that there is more, and tries again. */
function leave(tail: Tail): false {
  tail.size = tail.offset
  return false
}
