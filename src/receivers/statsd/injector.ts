import { canReadBursts } from '../../net/udp-bursts.ts'
import { Batch, type Host, type Intake } from '../../plugin.ts'
import { heldBack, newLogGap } from '../../runtime/log-gap.ts'
import { datagramGatherMs, joinedPerTurn } from '../../telemetry/turn.ts'
import { ForwardWriter } from '../../wire/forward-writer.ts'
import { nanosFromMillis } from '../../wire/protobuf.ts'
import { Injector, malformedLineText } from '../../wire/statsd/injector.ts'
import type { StatsdConfig } from './config.ts'
import type { Datagrams } from './datagrams.ts'

/** Lines about malformed input come at most this often, and show this much of it. */
const LOG_GAP_MS = 10_000
const mostShown = 1024

/** Every line becomes a gauge envelope at once; those of one turn are offered as one batch. */
export function newInjectorDatagrams(config: StatsdConfig, host: Host, intake: Intake): Datagrams {
  const { clock, log } = host
  const lines = host.counter('lines', 'Lines received.')
  const malformedLines = host.counter('malformed_lines', 'Lines that are no statistic.')
  const evicted = host.counter('evicted_series', 'Running values that were forgotten to stay within max_series.')
  const skippedTags = host.counter('skipped_tags', 'Tags without a colon, left out.')
  const gap = newLogGap(clock, LOG_GAP_MS)
  const writer = new ForwardWriter(64 << 10)
  let count = 0
  let malformed = 0
  let lastMs = Number.NaN
  let nanos: [lo: number, hi: number] = [0, 0]

  const injector = new Injector({
    maxSeries: config.max_series,
    onMalformed(datagram, start, end) {
      malformed++
      const held = gap.pass()
      if (held < 0) return
      log.line(`${malformedLineText(datagram, start, Math.min(end, start + mostShown))}${heldBack(held)}`)
    },
  })
  const written = {
    get count() {
      return count
    },
    get bytes() {
      return writer.length
    },
    take() {
      if (count === 0) return undefined
      const batch = Batch.copyOf('envelopes', writer.view(), { count })
      writer.reset()
      count = 0
      return batch
    },
  }
  const gatherMs = canReadBursts() ? 0 : datagramGatherMs
  const turn = joinedPerTurn(written, (batch) => void intake.offer(batch), { gatherMs })
  return {
    take(packet) {
      const nowMs = clock.now()
      if (nowMs !== lastMs) {
        lastMs = nowMs
        nanos = nanosFromMillis(nowMs)
      }
      const { skippedTags: skippedBefore } = injector.counts
      const evictedBefore = injector.evictedSeries
      malformed = 0
      turn.arm()
      const envelopes = injector.write(packet, nanos[0], nanos[1], writer)
      count += envelopes
      lines.add(envelopes + malformed)
      skippedTags.add(injector.counts.skippedTags - skippedBefore)
      evicted.add(injector.evictedSeries - evictedBefore)
      if (malformed === 0) return
      malformedLines.add(malformed)
      host.dropped('malformed', malformed, packet)
    },
    start: () => {},
    stop: () => turn.flush(),
  }
}
