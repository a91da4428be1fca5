import type { Saved } from './checkpoints.ts'
import { hasHead, hasMark, type Tail } from './tail.ts'

/** What the process before knew about files, until one of them is found again. */
export class SavedFiles {
  private readonly byInode = new Map<string, Saved>()
  private readonly byHead = new Map<string, Saved>()

  constructor(all: readonly Saved[]) {
    for (const saved of all) {
      this.byInode.set(`${saved.dev}:${saved.ino}`, saved)
      this.byHead.set(`${saved.head.size}:${saved.head.sum}`, saved)
    }
  }

  get rest(): Saved[] {
    return [...this.byInode.values()]
  }

  /** What was saved about this very file, which is open. */
  claim(tail: Tail): Saved | undefined {
    const saved = this.byInode.get(`${tail.dev}:${tail.ino}`)
    return saved && isSame(tail, saved) ? this.remove(saved) : undefined
  }

  /** What was saved about a file that this one is a copy of. */
  original(tail: Tail): Saved | undefined {
    return this.byHead.get(`${tail.head.size}:${tail.head.sum}`)
  }

  remove(saved: Saved): Saved {
    this.byInode.delete(`${saved.dev}:${saved.ino}`)
    return saved
  }
}

export const isSame = (tail: Tail, { head, mark }: Pick<Saved, 'head' | 'mark'>): boolean =>
  tail.size >= mark.offset && hasHead(tail.fd, head) && hasMark(tail.fd, mark)
