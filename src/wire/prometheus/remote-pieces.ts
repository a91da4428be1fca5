import { ForwardWriter } from '../forward-writer.ts'

/** A WriteRequest of its own. */
export interface WritePiece {
  readonly body: Buffer
  readonly points: number
  /** Pieces of one step can be sent at the same time: a series with more than one sample is in pieces of several steps. */
  readonly step: number
  /** It only tells what metrics are: that is told again by and by. */
  readonly isMetadata: boolean
}

/** Where the last sample of a series went. */
export interface Mark {
  piece: number
}

/** Cuts what is written into pieces, and knows which of them must wait for others so that series keep their order. */
export class Pieces {
  /** The piece at hand. */
  readonly out = new ForwardWriter(64 << 10)
  private list: WritePiece[] = []
  private points = 0
  private step = 0
  /** Numbers count on from one batch to the next, so that marks never have to be taken back. */
  private number = 1
  private firstOfStep = 1
  private fenced = false

  begin(): void {
    this.out.reset()
    this.list = []
    this.points = this.step = 0
    this.firstOfStep = this.number
  }

  /** A sample of this series is written next. */
  follow(mark: Mark): void {
    if (mark.piece >= this.firstOfStep && mark.piece < this.number) this.nextStep()
    mark.piece = this.number
  }

  /** Marks are forgotten: what comes waits for all that came before. */
  forget(): void {
    if (this.firstOfStep < this.number) this.nextStep()
    this.fenced = true
  }

  /** A point is complete; with it the piece, if that has reached `maxBytes`. */
  endPoint(maxBytes: number): void {
    this.points++
    if (this.out.pos >= maxBytes) this.cut()
  }

  /** A request with metadata alone. */
  add(body: Buffer): void {
    this.list.push({ body, points: 0, step: this.step, isMetadata: true })
  }

  /** All pieces; that with metadata comes last. */
  finish(rest: Buffer): WritePiece[] {
    this.cut()
    if (rest.length > 0) this.add(rest)
    return this.list
  }

  private cut(): void {
    if (this.out.pos > 0) {
      const body = this.out.take()
      this.list.push({ body, points: this.points, step: this.step, isMetadata: false })
    }
    this.points = 0
    this.number++
    if (this.fenced) this.nextStep()
    this.fenced = false
  }

  private nextStep(): void {
    this.step++
    this.firstOfStep = this.number
  }
}
