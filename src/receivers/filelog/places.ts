import type { Tail } from './tail.ts'

/** One path that the globs name. */
export interface Place {
  readonly path: string
  tail: Tail | undefined
  /** Wall time of the first sight of the file before, while there was one. */
  since: number
  /** Not looked at before, monotonic: it could not be read. */
  retryAt: number
  /** Monotonic time when it was first found to be a copy that is still being made; 0: it was not. */
  copyAt: number
  /** How much of the copy there was then. */
  copySize: number
  /** A small file that may be a copy of which more is to come: held open until it is known, nothing of it was read. */
  held: Tail | undefined
  /** Monotonic time when its file was gone. */
  goneAt: number
}

/** Files beyond this that have been quiet for a while take turns to be looked at. */
const mostQuiet = 1000
const quietMs = 10_000

/** The paths to look at, and whose turn it is. */
export class Places {
  private byPath = new Map<string, Place>()
  private order: Place[] = []
  private paths: readonly string[] | undefined
  private turn = 0

  at(path: string): Place | undefined {
    return this.byPath.get(path)
  }

  /** From now on these paths. `departs` is told of places that are no longer among them and have a file. */
  arrange(paths: readonly string[], departs: (place: Place) => void): void {
    if (paths === this.paths) return
    this.paths = paths
    const next = new Map<string, Place>()
    for (const path of paths) next.set(path, this.byPath.get(path) ?? newPlace(path))
    for (const [path, place] of this.byPath) {
      if (next.has(path)) continue
      if (place.tail || place.held) departs(place)
      // A log that is being rotated comes back.
      if (place.since > 0) next.set(path, place)
    }
    this.byPath = next
    this.order = [...next.values()]
  }

  /** Those to look at now: all, or those that have grown of late and some of the others. `now`: monotonic. */
  choose(isFirst: boolean, now: number): readonly Place[] {
    const { order } = this
    if (isFirst || order.length <= mostQuiet) return order
    const isQuiet = ({ tail }: Place) => tail !== undefined && tail.grewAt <= now - quietMs && tail.isAtEnd
    const chosen = order.filter((place) => !isQuiet(place))
    for (let n = 0; n < mostQuiet; n++) {
      this.turn = (this.turn + 1) % order.length
      const place = order[this.turn]!
      if (isQuiet(place)) chosen.push(place)
    }
    return chosen
  }

  /** No file will come back here: names that never come again are not kept, those that a glob names are made anew. */
  forget(place: Place): void {
    place.since = 0
    this.byPath.delete(place.path)
    this.order = [...this.byPath.values()]
    this.paths = undefined
  }
}

const newPlace = (path: string): Place => ({
  path,
  tail: undefined,
  since: 0,
  retryAt: 0,
  copyAt: 0,
  copySize: 0,
  held: undefined,
  goneAt: 0,
})
