import type { Batch } from './batch.ts'
import { Level } from './level.ts'
import { Site } from './site.ts'

/** What a processor does with one record after the other. Several passes may share a walk over a batch. */
export interface Pass {
  /** Bits (`1 << level`) of the messages that it writes to; 0: it only looks. */
  readonly writes: number
  /** Bits of the messages around records that it looks at again for other records in them. */
  readonly reads: number
  /** Whether each record sees what all records before it wrote around them: nobody else's must come in between. */
  readonly alone?: boolean
  /** Whether it looks at other records than the one it stands on: those must not have been changed or dropped. */
  readonly looksAside?: boolean
  /** Called before the first record of a batch. */
  begin?(): void
  /** False when the record is dropped. */
  each(site: Site): boolean
}

/** A batch as it came, and what was left of it: an index over the same bytes. */
export interface LostRecords {
  readonly batch: Batch
  readonly part: Batch
}

/** What one keeps of what its pass did. */
export interface PassBooks {
  /** Books a batch: so many records were dropped. `lost` finds them once more, for whoever wants to show one. */
  settle(dropped: number, lost: () => LostRecords): void
  /** The pass is not to be booked: it broke off, or was only a repetition. */
  forget(): void
}

/** A processor whose whole work is one pass, so that neighbours of the kind are run as one. */
export interface Editor extends PassBooks {
  readonly pass: Pass
}

/** Bits of all messages. */
export const everyLevel = (1 << (Level.resource + 1)) - 1
const around = (1 << Level.data) | (1 << Level.metric) | (1 << Level.scope) | (1 << Level.resource)

/** Whether records can go through `before` and `next` one by one, and all is as if `before` had seen all of them first. */
export function sharesWalk(before: readonly Pass[], next: Pass): boolean {
  if (next.alone || next.looksAside) return false
  return before.every(({ alone, reads }) => !alone && (reads & next.writes & around) === 0)
}

/** Runs passes over batches, record by record through all of them. */
export class Walk {
  /** Records that each pass has dropped of the last batch. */
  readonly dropped: number[]
  private readonly passes: readonly Pass[]
  private readonly site: Site
  private readonly settles: boolean
  private readonly shows: boolean

  constructor(passes: readonly Pass[], site = new Site()) {
    this.passes = passes
    this.site = site
    this.dropped = passes.map(() => 0)
    this.settles = !passes.some(({ alone }) => alone)
    this.shows = passes.length > 1 && passes.some(({ writes }) => (writes & around) !== 0)
  }

  /** What is left of a batch, edited. Throws what a pass throws. */
  run(batch: Batch): Batch {
    const { passes, site, dropped, settles, shows } = this
    const { count } = batch
    const last = passes.length
    site.begin(batch)
    for (let p = 0; p < last; p++) {
      dropped[p] = 0
      passes[p]!.begin?.()
    }
    let rows: Uint32Array | undefined
    let kept = 0
    for (let i = 0; i < count; i++) {
      site.at(batch.rowAt(i))
      let p = 0
      while (p < last && passes[p]!.each(site)) {
        p++
        if (shows) site.showAround()
      }
      if (p === last) {
        if (rows) rows[kept++] = i
        if (settles) site.settleAround()
        continue
      }
      dropped[p]!++
      site.drop()
      if (rows) continue
      rows = new Uint32Array(count)
      for (kept = 0; kept < i; kept++) rows[kept] = kept
    }
    return site.finish(batch, rows?.subarray(0, kept))
  }
}

/** What became of `batch` in one pass, found by doing it again. */
export function lostBy({ pass, forget }: Editor, batch: Batch): LostRecords {
  const stays: boolean[] = []
  const note: Pass = {
    ...pass,
    each(site) {
      const kept = pass.each(site)
      stays.push(kept)
      return kept
    },
  }
  new Walk([note]).run(batch)
  forget()
  let i = 0
  return { batch, part: batch.where(() => stays[i++]!) }
}

const noBooks: PassBooks = { settle() {}, forget() {} }

/** A processor whose whole work is one pass: alone, and as neighbours of the kind take it. */
export function editor(
  pass: Pass,
  books: PassBooks = noBooks,
): { process: (batch: Batch) => Batch | undefined; editor: Editor } {
  const walk = new Walk([pass])
  const own: Editor = { pass, settle: books.settle, forget: books.forget }
  const process = (batch: Batch) => {
    let dropped = 0
    try {
      const out = walk.run(batch)
      dropped = batch.count - out.count
      return out.count > 0 || dropped === 0 ? out : undefined
    } finally {
      books.settle(dropped, () => lostBy(own, batch))
    }
  }
  return { process, editor: own }
}
