import type { DropReason } from '../../plugin.ts'
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
  private readonly files: Files
  private readonly checkpoints: Checkpoints | undefined
  private readonly moved: (tail: Tail) => void

  /** `moved` is told of every file of which less is on its way. */
  constructor(files: Files, checkpoints: Checkpoints | undefined, moved: (tail: Tail) => void) {
    this.files = files
    this.checkpoints = checkpoints
    this.moved = moved
  }

  /** A batch is on its way. */
  begin(): void {
    this.open++
  }

  /** What became of it. */
  settle(pieces: readonly Piece[], outcome: Outcome): void {
    this.open--
    if (!this.willBeReadAgain(outcome)) {
      for (const piece of pieces) this.advance(piece)
      this.checkpoints?.commit()
    }
    if (this.isStopping && this.open === 0) this.checkpoints?.close()
  }

  /** From now on what is lost in the queues is left to the next process. */
  stopping(): void {
    this.isStopping = true
  }

  /** Nothing is read any more. Records on their way are settled while the queues drain: the last one writes. */
  stop(): void {
    if (this.open === 0) this.checkpoints?.close()
    else this.checkpoints?.commit(true)
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
