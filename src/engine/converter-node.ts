import { settleAll } from '../delivery/backlog.ts'
import { beginWork } from '../delivery/batch-trace.ts'
import type { Account } from '../delivery/ledger.ts'
import type { Consumer } from '../plugin.ts'
import type { Batch } from '../telemetry/batch.ts'
import type { Format } from '../telemetry/format.ts'
import type { Outcome } from '../telemetry/receipt.ts'
import type { Converted, Converter } from './converters.ts'

/** One taker of a converter's output, and what it takes right now. */
export interface Taker {
  readonly consumer: Consumer
  /** Formats it may take. */
  readonly formats: readonly Format[]
  /** Formats it takes right now. */
  takes(): readonly Format[]
}

/** A conversion between two ends whose formats do not fit: one per producer, shared by all takers. */
export class ConverterNode implements Consumer {
  private readonly converter: Converter
  private readonly account: Account
  private readonly takers: readonly Taker[]
  private readonly now: () => number

  constructor(converter: Converter, account: Account, takers: readonly Taker[], now: () => number) {
    this.converter = converter
    this.account = account
    this.takers = takers
    this.now = now
  }

  consume(batch: Batch): void {
    const { account, takers } = this
    account.received += batch.count
    const wanted = this.converter.to.filter((format) => takers.some((taker) => taker.takes().includes(format)))
    const work = batch.receipts.length > 0 ? beginWork('process', batch, account) : undefined
    const { batches, losses } = wanted.length > 0 ? this.converter.convert(batch, wanted, this.now()) : nothing
    work?.end({ 'tailrace.records_out': batches.reduce((sum, { count }) => sum + count, 0) })
    account.drop('not_representable', losses.notRepresentable, shown(batch, losses.notRepresentable))
    account.drop('too_large', losses.tooLarge, shown(batch, losses.tooLarge))
    account.drop('malformed', losses.malformed, shown(batch, losses.malformed))
    account.consumed += batch.count - losses.notRepresentable - losses.tooLarge - losses.malformed
    const deliveries = batches.flatMap((made) =>
      takers.filter((taker) => taker.takes().includes(made.format)).map((taker) => ({ made, taker })),
    )
    if (deliveries.length === 0) settleAll(batch.receipts, outcomeOf(losses))
    else for (const receipt of batch.receipts) receipt.fork(deliveries.length - 1)
    for (const made of batches) account.made += made.count
    for (const { made, taker } of deliveries)
      taker.consumer.consume(batch.receipts.length === 0 ? made : made.withReceipts(batch.receipts))
  }
}

/** The batch, when all of it was lost: which of several it was a converter does not tell. */
const shown = (batch: Batch, lost: number): Batch | undefined => (lost === batch.count ? batch : undefined)

/** What whoever made the records hears when nothing of them goes on. */
function outcomeOf({ notRepresentable, tooLarge, malformed }: Converted['losses']): Outcome {
  if (malformed > 0) return { dropped: 'malformed' }
  if (tooLarge > 0) return { dropped: 'too_large' }
  return notRepresentable > 0 ? { dropped: 'not_representable' } : 'delivered'
}

const nothing = { batches: [], losses: { notRepresentable: 0, tooLarge: 0, malformed: 0 } }
