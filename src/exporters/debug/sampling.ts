/**
 * Which batches of a second are printed: the first `initial`, then every `thereafter`th (1: all, 0: none), each format
 * by itself.
 */
export class Sampling {
  private readonly initial: number
  private readonly thereafter: number
  private readonly seen = new Map<string, number>()

  constructor(initial: number, thereafter: number) {
    this.initial = initial
    this.thereafter = thereafter
  }

  takes(format: string): boolean {
    const count = (this.seen.get(format) ?? 0) + 1
    this.seen.set(format, count)
    if (count <= this.initial) return true
    return this.thereafter > 0 && (count - this.initial) % this.thereafter === 0
  }

  nextSecond(): void {
    this.seen.clear()
  }
}
