import type { Intake } from '../../plugin.ts'
import { Batch } from '../../plugin.ts'
import { ForwardWriter } from '../../wire/forward-writer.ts'
import { writePageEnvelopes } from '../../wire/prometheus/envelopes.ts'
import type { Page } from '../../wire/prometheus/page.ts'
import { newTarget } from '../../wire/prometheus/target.ts'
import { nanosFromMillis, Reader } from '../../wire/protobuf.ts'
import type { ScrapeTarget } from './scrape-target.ts'

/** Offers a page as envelopes; `onSkipped` is told what no envelope can carry. The page may be reused at once. */
export type WriteEnvelopes = (page: Page, nowMs: number, onSkipped: (text: string) => void) => Promise<void>

/** What turns the pages of a target into envelopes and offers them. The writer's memory serves all targets. */
export type EnvelopeSink = (target: ScrapeTarget) => WriteEnvelopes

/** So many envelopes go into one batch: a page may have more than a queue holds. */
const perBatch = 1000

export function newEnvelopeSink(intake: Intake): EnvelopeSink {
  const writer = new ForwardWriter(64 << 10)
  return (target) => {
    const encoded = newTarget(target)
    return async (page, nowMs, onSkipped) => {
      const [lo, hi] = nanosFromMillis(nowMs)
      writer.reset()
      writePageEnvelopes(page, encoded, lo, hi, writer, onSkipped)
      const batches = batchesOf(writer.view())
      for (const [i, batch] of batches.entries()) {
        // The next piece of a large page comes a turn later: the queues get on with the one before.
        if (i > 0) await new Promise(setImmediate)
        await intake.offer(batch)
      }
    }
  }
}

/** The list of envelopes in batches of `perBatch`, copied out of the writer. */
function batchesOf(bytes: Buffer): Batch[] {
  const batches: Batch[] = []
  const reader = new Reader(bytes)
  let from = 0
  let count = 0
  const cut = () => {
    if (count > 0) batches.push(Batch.copyOf('envelopes', bytes.subarray(from, reader.pos), { count }))
    from = reader.pos
    count = 0
  }
  while (reader.next() && reader.skip()) if (++count === perBatch) cut()
  cut()
  return batches
}
