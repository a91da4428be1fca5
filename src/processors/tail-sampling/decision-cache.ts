/** Ids of traces that were decided, as many as there is room for; the one not asked for the longest leaves. */
export class DecidedIds {
  private readonly ids = new Set<string>()
  private readonly most: number

  constructor(most: number) {
    this.most = most
  }

  get size(): number {
    return this.ids.size
  }

  has(id: string): boolean {
    if (!this.ids.delete(id)) return false
    this.ids.add(id)
    return true
  }

  add(id: string): void {
    this.ids.delete(id)
    this.ids.add(id)
    if (this.ids.size > this.most) this.ids.delete(this.ids.keys().next().value!)
  }
}
