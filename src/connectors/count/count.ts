import { settleAll } from '../../delivery/backlog.ts'
import { newFailures } from '../../ottl/failures.ts'
import { Batch, type Component, type Consumer, Cursor, type Host, newLogSeries } from '../../plugin.ts'
import { found } from '../../telemetry/find-field.ts'
import { Level } from '../../telemetry/level.ts'
import { Group } from '../../telemetry/record-index.ts'
import { Site } from '../../telemetry/site.ts'
import { BackwardWriter, nanosFromMillis, Reader } from '../../wire/protobuf.ts'
import { type CountConfig, type Section, sections, settingsOf } from './config.ts'
import { Counter } from './counter.ts'
import { Tally } from './tally.ts'

const scopeName = 'tailrace/connectors/count'
const eventsField = 11

/** Looks at one record. */
type See = (cursor: Cursor) => void

/** Counts what comes and hands on the counts: for every batch, a delta for each of its resources. */
export function newCount(config: CountConfig, host: Host, next: Consumer): Consumer & Partial<Component> {
  const failures = newFailures(host, newLogSeries(host.log, host.clock))
  const tally = (section: Section) => {
    const failed = (condition: string, message: string) => failures.note('ignore', condition, message)
    return new Tally(
      settingsOf(config, section).map(
        ([name, settings]) => new Counter({ name, settings, ...sections[section], failed }),
      ),
    )
  }
  const [spans, events, metrics, points, logs] = [
    tally('spans'),
    tally('spanevents'),
    tally('metrics'),
    tally('datapoints'),
    tally('logs'),
  ]
  const cursor = new Cursor()
  // Events have fields of their own: only a site stands on them.
  const site = events.asks ? new Site() : undefined
  let metric = -1
  const ways: Partial<Record<Batch['format'], { tallies: readonly Tally[]; see: See }>> = {
    logs: {
      tallies: [logs],
      see(cursor) {
        logs.see(cursor)
        noteTime(logs, cursor, 1)
      },
    },
    metrics: {
      tallies: [metrics, points],
      see(cursor) {
        const around = cursor.around(Level.metric)
        if (around !== metric) metrics.see(cursor)
        metric = around
        points.see(cursor)
        noteTime(points, cursor, 3)
      },
    },
    traces: {
      tallies: [spans, events],
      see(cursor) {
        spans.see(cursor)
        noteTime(spans, cursor, 7)
        noteTime(spans, cursor, 8)
        if (site) seeEvents(site, events)
        else if (events.counts) countEvents(cursor, events)
      },
    },
  }

  const countAll = (batch: Batch): { bytes: Buffer; points: number } => {
    const { tallies, see } = ways[batch.format]!
    const now = nanosFromMillis(host.clock.now())
    const chunks: Buffer[] = []
    let made = 0
    let resource = -1
    const over = site && batch.format === 'traces' ? site.begin(batch) : cursor.over(batch)
    const flush = () => {
      if (resource < 0 || tallies.every((each) => each.isEmpty)) return
      const { bytes, points } = resourceMetrics(over, resource, tallies, now)
      chunks.push(bytes)
      made += points
    }
    metric = -1
    for (let i = 0; i < batch.count; i++) {
      over.at(batch.rowAt(i))
      const around = over.around(Level.resource)
      if (around !== resource) flush()
      resource = around
      see(over)
    }
    flush()
    // Nothing was written: the batch is what it was.
    if (over === site) site!.finish(batch)
    return { bytes: Buffer.concat(chunks), points: made }
  }

  const counted = (batch: Batch) => {
    try {
      return countAll(batch)
    } catch (error) {
      // What was counted of this batch does not belong to the next.
      for (const each of ways[batch.format]!.tallies) each.clear()
      throw error
    }
  }

  return {
    consume(batch) {
      const { bytes, points } = counted(batch)
      host.consumed(batch.count)
      const { origin, receipts } = batch
      if (points === 0) return settleAll(receipts, 'delivered')
      host.made(points)
      next.consume(Batch.copyOf('metrics', bytes, { count: points, origin, receipts }))
    },
    stop: failures.stop,
  }
}

const writer = new BackwardWriter(1 << 12)
const reader = new Reader()
const event = new Reader()

/** One ResourceMetrics: the attributes of the resource, and what was counted in it. */
function resourceMetrics(cursor: Cursor, resource: number, tallies: readonly Tally[], now: readonly [number, number]) {
  writer.reset()
  let points = 0
  for (const each of tallies.toReversed()) points += each.flush(writer, now)
  const scope = writer.length
  writer.textField(1, scopeName)
  writer.message(1, scope)
  writer.message(2, 0)
  const mark = writer.length
  const spans = attributesOf(cursor, resource)
  for (let i = spans.length - 2; i >= 0; i -= 2) writer.bytesField(1, cursor.buf, spans[i], spans[i + 1])
  writer.message(1, mark)
  writer.message(1, 0)
  return { bytes: Buffer.from(writer.finish()), points }
}

/** Where the attributes of the Resource lie that stands in the group at `group`: starts and ends. */
function attributesOf({ buf, groups }: Cursor, group: number): number[] {
  const spans: number[] = []
  reader.reset(buf, groups[group + Group.start]!, groups[group + Group.end]!)
  while (reader.next() && reader.skip()) {
    if (reader.field !== 1 || reader.wire !== 2) continue
    event.reset(buf, reader.start, reader.stop)
    while (event.next() && event.skip()) if (event.field === 1 && event.wire === 2) spans.push(event.start, event.stop)
  }
  return spans
}

function noteTime(tally: Tally, cursor: Cursor, field: number): void {
  if (cursor.findNumber(Level.record, field)) tally.time(found.lo, found.hi)
}

/** Counts events whose fields do not matter. */
function countEvents(cursor: Cursor, events: Tally): void {
  reader.reset(cursor.buf, cursor.start, cursor.end)
  while (reader.next() && reader.skip()) {
    if (reader.field !== eventsField || reader.wire !== 2) continue
    events.see(cursor)
    event.reset(cursor.buf, reader.start, reader.stop)
    while (event.next()) {
      if (event.field === 1 && event.wire === 1) {
        event.fixed64()
        events.time(event.lo, event.hi)
      } else if (!event.skip()) break
    }
  }
}

function seeEvents(site: Site, events: Tally): void {
  const fields = site.events
  for (let i = 0; i < fields; i++) {
    if (!site.enterEvent(i)) continue
    events.see(site)
    if (site.findNumber(Level.event, 1)) events.time(found.lo, found.hi)
    site.leaveEvent()
  }
}
