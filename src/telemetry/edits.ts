import { varintSize, writeVarint } from '../wire/protobuf.ts'
import { Group, groupSize, noGroup } from './record-index.ts'
import { claim } from './slab.ts'

/** The container itself, where an edit names the message it stands in. */
export const container = -1

const noNumbers = new Int32Array(0)
const nothing = new Uint8Array(0)

/** What is recorded: room that goes from one batch to the next, longer than what is in it. */
interface Store {
  /** Per change: start, end, number of the message it stands in. */
  places: number[]
  texts: Uint8Array[]
  /** Per message around a change: start and end of its body, number of the message around it. */
  readonly messages: number[]
  /** What is taken out besides, in the order of its places: the same three numbers each. */
  readonly cuts: number[]
}

const spare: Store[] = []
const mostSpare = 4
/** Changes, messages or cuts of a store that is kept. */
const mostKept = 1 << 13

/** A rebuilt container: `[start, end)` of a claim with headroom in front. */
export interface Rebuilt {
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
}

/**
 * Changes recorded on the bytes of a container and applied in one pass from its last byte to its first, so that the
 * length of every enclosing message is known when its prefix is due. Places must not overlap. Recording them in the
 * order of their places saves a sort; insertions at one place keep the order in which they were recorded, those into
 * inner messages first.
 */
export class Edits {
  private store: Store | undefined
  private count = 0
  private cutCount = 0
  private messageCount = 0
  /** Per group of the batch's index: its number and 1, or 0. */
  private groups = noNumbers
  private added = 0
  private ordered = true
  private result: Rebuilt | undefined

  get empty(): boolean {
    return this.count === 0
  }

  /** Declares the message with the body `[start, end)` inside message `parent`; answers its number. */
  within(start: number, end: number, parent: number = container): number {
    const { messages } = this.open()
    const at = this.messageCount * 3
    messages[at] = start
    messages[at + 1] = end
    messages[at + 2] = parent
    return this.messageCount++
  }

  /** The number of a group of the batch's index, which is declared once; that of `noGroup` is the container's. */
  ofGroup(all: Uint32Array, group: number): number {
    if (group === noGroup) return container
    if (this.groups.length === 0) this.groups = new Int32Array(all.length / groupSize)
    const known = this.groups[group]!
    if (known > 0) return known - 1
    const at = group * groupSize
    const around = this.ofGroup(all, all[at + Group.parent]!)
    const number = this.within(all[at + Group.start]!, all[at + Group.end]!, around)
    this.groups[group] = number + 1
    return number
  }

  /** Whether something was cut. */
  get hasCuts(): boolean {
    return this.cutCount > 0
  }

  /** Takes `[start, end)` of message `within` out. To be recorded in the order of the places; no change may lie inside. */
  cut(start: number, end: number, within: number): void {
    const { cuts } = this.open()
    const at = this.cutCount++ * 3
    cuts[at] = start
    cuts[at + 1] = end
    cuts[at + 2] = within
  }

  /** Puts `text` in the place of `[start, end)`, which lies in the body of message `within`. The text is not copied. */
  replace(start: number, end: number, text: Uint8Array, within: number): void {
    const { places, texts } = this.open()
    const at = this.count * 3
    if (at > 0) {
      const behind = start >= places[at - 2]! && (end > places[at - 3]! || places[at - 1] === within)
      if (!behind) this.ordered = false
    }
    places[at] = start
    places[at + 1] = end
    places[at + 2] = within
    texts[this.count++] = text
    this.added += text.length - (end - start)
  }

  /** Writes the container `[from, to)` of `source` with all changes applied: once, the same for every copy of a batch. */
  apply(source: Buffer, from: number, to: number): Rebuilt {
    if (this.result) return this.result
    const store = this.open()
    if (!this.ordered) this.sort(store)
    const { places, texts, cuts, messages } = store
    // Exact but for the length prefixes, which may each grow by four bytes at most.
    const bound = to - from + this.added + this.messageCount * 4
    const room = claim(bound)
    const pass = new BackwardPass(source, room.buffer, to, room.start + bound, messages)
    let cut = this.cutCount * 3 - 3
    for (let i = this.count - 1; i >= -1; i--) {
      // What is put in where a cut begins stands in front of it.
      const start = i < 0 ? 0 : places[i * 3]!
      for (; cut >= 0 && cuts[cut]! >= start; cut -= 3) {
        pass.enter(cuts[cut + 2]!)
        pass.skip(cuts[cut]!, cuts[cut + 1]!)
      }
      if (i < 0) break
      pass.enter(places[i * 3 + 2]!)
      pass.put(start, places[i * 3 + 1]!, texts[i]!)
    }
    this.result = { buffer: room.buffer, start: pass.finish(from), end: room.start + bound }
    this.close(store)
    return this.result
  }

  private open(): Store {
    this.store ??= spare.pop() ?? { places: [], texts: [], messages: [], cuts: [] }
    return this.store
  }

  /** Gives the room back: the next batch needs about as much. */
  private close(store: Store): void {
    const { texts, messages, cuts } = store
    this.store = undefined
    if (spare.length >= mostSpare || Math.max(texts.length, messages.length / 3, cuts.length / 3) > mostKept) return
    for (let i = 0; i < this.count; i++) texts[i] = nothing
    spare.push(store)
  }

  private sort(store: Store): void {
    const { places, texts, messages } = store
    const depth = (change: number): number => {
      let depth = 0
      for (let m = places[change * 3 + 2]!; m !== container; m = messages[m * 3 + 2]!) depth++
      return depth
    }
    const order = Array.from({ length: this.count }, (_, i) => i)
    order.sort(
      (a, b) =>
        places[a * 3]! - places[b * 3]! || places[a * 3 + 1]! - places[b * 3 + 1]! || depth(b) - depth(a) || a - b,
    )
    store.places = order.flatMap((i) => [places[i * 3]!, places[i * 3 + 1]!, places[i * 3 + 2]!])
    store.texts = order.map((i) => texts[i]!)
    this.ordered = true
  }
}

/** The state of one `apply`: a position in the source and one in the output, both moving towards the front. */
class BackwardPass {
  private readonly stack: number[] = []
  /** Output position at the end of each open message. */
  private readonly marks: number[] = []
  private readonly source: Buffer
  private readonly out: Buffer
  private readonly messages: number[]
  private src: number
  private dst: number

  constructor(source: Buffer, out: Buffer, src: number, dst: number, messages: number[]) {
    this.source = source
    this.out = out
    this.src = src
    this.dst = dst
    this.messages = messages
  }

  /** Closes the open messages that do not enclose `message`, then opens those that do. */
  enter(message: number): void {
    const stack = this.stack
    while (stack.length > 0 && !this.encloses(stack[stack.length - 1]!, message)) this.close()
    this.open(message)
  }

  put(start: number, end: number, text: Uint8Array): void {
    this.copyTo(end)
    const size = text.length
    this.dst -= size
    if (size < 24) for (let i = 0; i < size; i++) this.out[this.dst + i] = text[i]!
    else this.out.set(text, this.dst)
    this.src = start
  }

  /** Leaves `[start, end)` out. */
  skip(start: number, end: number): void {
    this.copyTo(end)
    this.src = start
  }

  finish(from: number): number {
    while (this.stack.length > 0) this.close()
    this.copyTo(from)
    return this.dst
  }

  private open(message: number): void {
    const stack = this.stack
    if (message === container || stack[stack.length - 1] === message) return
    this.open(this.messages[message * 3 + 2]!)
    this.copyTo(this.messages[message * 3 + 1]!)
    stack.push(message)
    this.marks.push(this.dst)
  }

  private close(): void {
    const start = this.messages[this.stack.pop()! * 3]!
    this.copyTo(start)
    const length = this.marks.pop()! - this.dst
    this.dst -= varintSize(length)
    writeVarint(this.out, this.dst, length)
    this.src = lengthPrefix(this.source, start)
  }

  private encloses(outer: number, message: number): boolean {
    for (let m = message; m !== container; m = this.messages[m * 3 + 2]!) if (m === outer) return true
    return false
  }

  private copyTo(position: number): void {
    const size = this.src - position
    if (size <= 0) return
    this.dst -= size
    this.source.copy(this.out, this.dst, position, this.src)
    this.src = position
  }
}

/**
 * Where the length varint in front of a body begins: its last byte has the top bit clear, those before it have it set.
 * The last byte of the tag before it has it clear too, and ends the walk.
 */
function lengthPrefix(source: Uint8Array, start: number): number {
  let pos = start - 1
  while (pos > 0 && source[pos - 1]! >= 0x80) pos--
  return pos
}
