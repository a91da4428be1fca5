import type { Done, DoneAbove } from './finished-file.ts'
import type { Position } from './position-file.ts'

/** Finished batches above one that is not are remembered up to here: more of them come again after the next opening. */
export const mostDone = 65_536

interface Place {
  readonly sequence: number
  readonly count: number
  readonly records: number
  /** The records before this sequence that nobody will be given. */
  readonly isGap?: boolean
  done: boolean
}

/** The batches that were given out and are not finished, so that the lowest of them is known at every moment. */
export class Outstanding {
  private places: (Place | undefined)[] = []
  private head = 0
  /** Finished ones among the places from `head` on. */
  private done = 0
  private readonly bySequence = new Map<number, Place>()

  /** Batches not finished. */
  get size(): number {
    return this.bySequence.size
  }

  /** Sequences must ascend. `records`: how many the queue had taken before this batch. */
  add(sequence: number, count: number, records: number): void {
    const place = { sequence, count, records, done: false }
    this.places.push(place)
    this.bySequence.set(sequence, place)
  }

  /** A batch that was finished in an earlier life: it is remembered as long as a lower one is not. */
  addDone(sequence: number, count: number, records: number): void {
    this.places.push({ sequence, count, records, done: true })
    this.done++
    this.skipDone()
  }

  /** Records right before a batch that are lost: a place without a number of its own. */
  addLost(sequence: number, count: number, records: number): void {
    this.places.push({ sequence, count, records, isGap: true, done: true })
    this.done++
    this.skipDone()
  }

  /** Answers how many records are finished by this; undefined when the batch was not given out, or finished before. */
  finish(sequence: number): number | undefined {
    const place = this.bySequence.get(sequence)
    if (!place) return undefined
    this.bySequence.delete(sequence)
    place.done = true
    this.done++
    this.skipDone()
    return place.count
  }

  /** Batches finished above the lowest unfinished one, as far as they are remembered. */
  get outOfTurn(): number {
    return this.done
  }

  /** Records between the lowest unfinished batch and `end`, in records, of which is not remembered that they are finished. */
  forgottenUpTo(end: number): number {
    const { lowest } = this
    if (!lowest) return 0
    let known = lowest.records
    for (let i = this.head; i < this.places.length; i++) known += this.places[i]?.count ?? 0
    return end - known
  }

  /** Forgets all of it. */
  clear(): void {
    this.places = []
    this.head = this.done = 0
    this.bySequence.clear()
  }

  /** Where the lowest unfinished batch stands. */
  get lowest(): Pick<Position, 'sequence' | 'records'> | undefined {
    return this.places[this.head]
  }

  /** What was finished, and what is lost, above the lowest unfinished batch. */
  doneAbove(): DoneAbove {
    const batches = new Map<number, Done>()
    const gaps = new Map<number, number>()
    for (let i = this.head; i < this.places.length; i++) {
      const place = this.places[i]
      if (!place?.done) continue
      if (place.isGap) gaps.set(place.sequence, (gaps.get(place.sequence) ?? 0) + place.count)
      else batches.set(place.sequence, { before: place.records, count: place.count })
    }
    return { batches, gaps }
  }

  private skipDone(): void {
    const { places } = this
    while (places[this.head]?.done) {
      places[this.head++] = undefined
      this.done--
    }
    if (this.done > mostDone) {
      this.places = places.filter((place) => place?.done === false)
      this.done = this.head = 0
    } else if (this.head >= 64 && this.head * 2 >= places.length) {
      this.places = places.slice(this.head)
      this.head = 0
    }
  }
}
