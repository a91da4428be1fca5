import type { Tail } from './tail.ts'

/** A place in a file, with what identifies it: the checksum of the `lapSize` bytes before it. */
export interface Mark {
  readonly offset: number
  readonly lapSize: number
  readonly lapSum: number
  /** It lies within an entry that was cut: the rest of that is left out. */
  readonly skips: boolean
}

/** A part of a file that is on its way. */
export interface Stretch {
  readonly mark: Mark
  isSettled: boolean
}

/** How far a file was delivered: the end of the first run of stretches that are all settled. */
export class Settlement {
  /** Everything before it was settled. */
  mark: Mark
  /** The file that has the bytes: it changes when a truncated one lives on as a copy. */
  owner: Tail
  private readonly open: Stretch[] = []

  constructor(mark: Mark, owner: Tail) {
    this.mark = mark
    this.owner = owner
  }

  /** Where the last stretch ends. */
  get end(): number {
    return this.open.at(-1)?.mark.offset ?? this.mark.offset
  }

  /** Bytes that were read and not settled. */
  get unsettled(): number {
    return this.end - this.mark.offset
  }

  /** Up to `mark` was read: settle what is answered once everything up to there is delivered. */
  add(mark: Mark): Stretch {
    const stretch = { mark, isSettled: false }
    this.open.push(stretch)
    return stretch
  }

  /** True when the settled place has moved. */
  settle(stretch: Stretch): boolean {
    stretch.isSettled = true
    let moved = false
    while (this.open[0]?.isSettled) {
      this.mark = this.open.shift()!.mark
      moved = true
    }
    return moved
  }
}
