import type { Tail } from './tail.ts'

/** The files that are held open, at most so many, the one read longest ago first. */
export class OpenFiles {
  private readonly all = new Set<Tail>()
  private readonly most: number

  constructor(most: number) {
    this.most = most
  }

  get size(): number {
    return this.all.size
  }

  /** Opens it, at `path` if that is not its own; false when another file is there. Throws what the system says. */
  open(tail: Tail, path = tail.path): boolean {
    this.all.delete(tail)
    if (tail.fd < 0) {
      this.makeRoom()
      if (!tail.open(path)) return false
    }
    this.all.add(tail)
    return true
  }

  close(tail: Tail): void {
    tail.close()
    this.all.delete(tail)
  }

  /** `to` goes on with the descriptor of `from`, if that has one. */
  hand(from: Tail, to: Tail): void {
    this.all.delete(from)
    to.fd = from.fd
    from.fd = -1
    if (to.fd >= 0) this.all.add(to)
  }

  closeAll(): void {
    for (const tail of this.all) this.close(tail)
  }

  /**
   * Closes files that are where they were: those with nothing to be read, the one read longest ago first; then those that
   * were found last, which will be there longest.
   */
  private makeRoom(): void {
    if (this.all.size < this.most) return
    for (const tail of this.all) {
      if (tail.departedAt < 0 && !tail.isReady) this.close(tail)
      if (this.all.size < this.most) return
    }
    for (const tail of [...this.all].reverse()) {
      if (tail.departedAt < 0) this.close(tail)
      if (this.all.size < this.most) return
    }
  }
}
