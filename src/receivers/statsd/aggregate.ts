import { Batch, type Host, type Intake } from '../../plugin.ts'
import type { Timer } from '../../runtime/clock.ts'
import { nanosFromMillis } from '../../wire/protobuf.ts'
import { Aggregator } from './aggregator.ts'
import type { StatsdConfig } from './config.ts'
import type { Datagrams } from './datagrams.ts'
import { writeMetrics } from './metrics-writer.ts'
import type { Series } from './series.ts'

/** Folds lines into series and offers them as metrics once per interval. */
export function newAggregatingDatagrams(config: StatsdConfig, host: Host, intake: Intake): Datagrams {
  const { clock } = host
  const aggregator = new Aggregator(config, host.budget)
  const publish = newPublisher(aggregator, host)
  let startMs = clock.now()
  let timer: Timer | undefined

  const flush = () => {
    const nowMs = clock.now()
    // Not before it began, also when the wall clock was set back meanwhile.
    const [startLo, startHi] = nanosFromMillis(Math.min(startMs, nowMs))
    const [lo, hi] = nanosFromMillis(nowMs)
    startMs = nowMs
    const touched = aggregator.touched()
    let lost = 0
    for (const { state } of touched) lost += state?.lost ?? 0
    publish(lost)
    const times = { startLo, startHi, lo, hi }
    const numberOf = (series: Series) => aggregator.numberOf(series)
    for (const { bytes, points } of writeMetrics(touched, times, config.is_monotonic_counter, numberOf)) {
      void intake.offer(Batch.copyOf('metrics', bytes, { count: points }))
    }
    aggregator.clear(touched)
  }
  const tick = () => {
    timer = clock.after(config.aggregation_interval, () => {
      flush()
      tick()
    })
  }
  return {
    take(packet) {
      aggregator.take(packet, clock.monotonic())
      publish(0)
    },
    start() {
      startMs = clock.now()
      tick()
    },
    stop() {
      if (!timer) return
      timer.cancel()
      timer = undefined
      flush()
      aggregator.release()
    },
  }
}

/** Moves what the aggregator counted into the receiver's own counters; `lost` are values that no point shows. */
function newPublisher({ counts, parser, key }: Aggregator, host: Host): (lost: number) => void {
  const read = parser.counts
  const skipped = () => counts.disabled + read.events + read.serviceChecks
  const moves = [
    moving(
      host.counter('lines', 'Samples received: a line of several values has several.'),
      () => counts.samples + read.malformed + skipped(),
    ),
    moving(host.counter('malformed_lines', 'Lines, or values of a line, that do not parse.'), () => read.malformed),
    moving(host.counter('skipped_lines', 'Events, service checks, and samples of a disabled type.'), skipped),
    moving(host.counter('skipped_tags', 'Tags left out: more than 128, or without a value.'), () => key.skippedTags),
    moving({ add: (n) => host.dropped('series_limit', n) }, () => counts.lostSeries),
  ]
  const lostValues = host.counter(
    'lost_values',
    'Values without room in the memory budget or beyond the limit of a series.',
  )
  return (lost) => {
    for (const move of moves) move()
    lostValues.add(lost)
  }
}

/** Adds to `target` by how much `total` grew since the last call. */
function moving(target: { add(n: number): unknown }, total: () => number): () => void {
  let seen = 0
  return () => {
    const now = total()
    if (now === seen) return
    target.add(now - seen)
    seen = now
  }
}
