import { pointOf } from '../delivery/batch-trace.ts'
import type { Account } from '../delivery/ledger.ts'
import type { Consumer } from '../plugin.ts'
import type { Batch } from '../telemetry/batch.ts'
import { type Editor, type LostRecords, lostBy, sharesWalk, Walk } from '../telemetry/pass.ts'

/** A processor in the graph whose work is one pass. */
export interface EditingNode {
  readonly editor: Editor
  readonly account: Account
  readonly next: Consumer
  /** Another right behind it, when nobody looks on in between. */
  behind(): EditingNode | undefined
  /** Nothing goes on. */
  end(batch: Batch): void
}

/**
 * Runs a processor and those behind it that edit or filter as one, record by record through all of them: one walk over a
 * batch, one copy of its bytes. The books are those of one after the other. Where somebody looks on in between, or a
 * batch is traced, each runs by itself.
 */
export class SharedRun {
  /** The editing processors that follow each other from here, as they stood when it was last looked. */
  private readonly chain: EditingNode[]
  private nodes: readonly EditingNode[] = []
  private walk: Walk | undefined

  constructor(first: EditingNode) {
    this.chain = [first]
  }

  /** True when the batch was taken care of; else nothing has happened to it. */
  takes(batch: Batch): boolean {
    const walk = this.current()
    if (!walk || (batch.receipts.length > 0 && pointOf(batch.receipts))) return false
    let out: Batch
    try {
      out = walk.run(batch)
    } catch {
      // Whoever threw throws again, alone.
      for (const { editor } of this.nodes) editor.forget()
      return false
    }
    this.book(batch, walk, out)
    return true
  }

  private book(batch: Batch, { dropped }: Walk, out: Batch): void {
    const { nodes } = this
    let { count } = batch
    for (let i = 0; i < nodes.length; i++) {
      const { account, editor } = nodes[i]!
      account.received += count
      editor.settle(dropped[i]!, () => this.lostIn(i, batch))
      count -= dropped[i]!
      account.passed += count
      if (count > 0) continue
      nodes[i]!.end(batch)
      return
    }
    nodes.at(-1)!.next.consume(out)
  }

  /** What one of them has dropped, found by running those in front of it again. */
  private lostIn(i: number, batch: Batch): LostRecords {
    const before = this.nodes.slice(0, i).map(({ editor }) => editor)
    const came = i === 0 ? batch : new Walk(before.map(({ pass }) => pass)).run(batch)
    for (const editor of before) editor.forget()
    return lostBy(this.nodes[i]!.editor, came)
  }

  /** The walk that these processors share right now; undefined when there is none. */
  private current(): Walk | undefined {
    const { chain } = this
    let length = 1
    let isSame = true
    for (let node = chain[0]!.behind(); node; node = node.behind()) {
      if (chain[length] !== node) {
        chain[length] = node
        isSame = false
      }
      length++
    }
    if (chain.length !== length) {
      chain.length = length
      isSame = false
    }
    if (!isSame) this.choose()
    return this.walk
  }

  /** Takes as many as can share a walk. Without one that writes there is nothing to gain. */
  private choose(): void {
    const passes = this.chain.map(({ editor }) => editor.pass)
    let taken = 1
    while (taken < passes.length && sharesWalk(passes.slice(0, taken), passes[taken]!)) taken++
    const shared = passes.slice(0, taken)
    const gains = taken > 1 && shared.some(({ writes }) => writes !== 0)
    this.nodes = gains ? this.chain.slice(0, taken) : []
    this.walk = gains ? new Walk(shared) : undefined
  }
}
