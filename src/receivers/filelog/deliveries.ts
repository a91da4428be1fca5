import type { DropReason, Log } from '../../plugin.ts'
import type { Outcome } from '../../telemetry/receipt.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { Files } from './files.ts'
import type { Settlement, Stretch } from './settlement.ts'
import type { Tail } from './tail.ts'

/** Losses that the next process would not have: it reads the records again. */
const mendable: ReadonlySet<DropReason> = new Set([
  'shutdown',
  'connection',
  'retries_exhausted',
  'queue_full',
  'memory',
])

/** The part of one file in a batch. */
export interface Piece {
  readonly settlement: Settlement
  readonly stretch: Stretch
}

/** Keeps account of what is on its way: when a batch is settled the files that it came from have got so much further. */
export class Deliveries {
  private open = 0
  private isStopping = false
  /** Records that the queues gave up at the end. */
  private left = 0
  private readonly files: Files
  private readonly checkpoints: Checkpoints | undefined
  private readonly moved: (tail: Tail) => void
  private readonly log: Log

  /** `moved` is told of every file of which less is on its way. */
  constructor(files: Files, checkpoints: Checkpoints | undefined, log: Log, moved: (tail: Tail) => void) {
    this.log = log
    this.files = files
    this.checkpoints = checkpoints
    this.moved = moved
  }

  /** A batch is on its way. */
  begin(): void {
    this.open++
  }

  /** What became of it and its `records`. */
  settle(pieces: readonly Piece[], records: number, outcome: Outcome): void {
    this.open--
    if (this.willBeReadAgain(outcome)) this.left += records
    else {
      for (const piece of pieces) this.advance(piece)
      this.checkpoints?.commit()
    }
    if (this.isStopping && this.open === 0) this.close()
  }

  /** From now on what is lost in the queues is left to the next process. */
  stopping(): void {
    this.isStopping = true
  }

  /** Nothing is read any more. Records on their way are settled while the queues drain: the last one writes. */
  stop(): void {
    if (this.open === 0) this.close()
    else this.checkpoints?.commit(true)
  }

  /** Queues call lost what they gave up: they do not know that it is still there. */
  private close(): void {
    if (!this.checkpoints) return
    this.checkpoints.close()
    if (this.left === 0) return
    const records = this.left === 1 ? '1 record was' : `${this.left} records were`
    this.log.info(`${records} not delivered everywhere before the end and will be read again after the restart`)
    this.left = 0
  }

  private advance({ settlement, stretch }: Piece): void {
    if (!settlement.settle(stretch)) return
    const { owner } = settlement
    this.checkpoints?.move(owner)
    this.files.settled(owner)
    this.moved(owner)
  }

  private willBeReadAgain(outcome: Outcome): boolean {
    if (typeof outcome !== 'object') return false
    return outcome.dropped === 'shutdown' || (this.isStopping && mendable.has(outcome.dropped))
  }
}
