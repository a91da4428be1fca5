/** Attempts to repeat a batch that may be under way at once, of all drains together (the original's number). */
export const retrySlots = 4

/** A bound on attempts under way: what finds none free waits in line. */
export class RetrySlots {
  private free: number
  private readonly line: (() => void)[] = []

  constructor(count: number) {
    this.free = count
  }

  /** Calls `go` when a slot is free; answers false when it has to wait. */
  acquire(go: () => void): boolean {
    if (this.free === 0) {
      this.line.push(go)
      return false
    }
    this.free--
    go()
    return true
  }

  /** Leaves the line: true when `go` stood in it. */
  leave(go: () => void): boolean {
    const at = this.line.indexOf(go)
    if (at >= 0) this.line.splice(at, 1)
    return at >= 0
  }

  release(): void {
    const go = this.line.shift()
    if (go) go()
    else this.free++
  }
}
