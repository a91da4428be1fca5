import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { varintSize } from '../wire/protobuf.ts'
import { container, Edits } from './edits.ts'
import { field, varint } from './testing/encode.ts'

/** A message as a tree: raw bytes, or a field with a tree in it. */
type Node = Buffer | { number: number; children: Node[] }

interface Placed {
  start: number
  end: number
  message: number
}

const encode = (node: Node): Buffer =>
  Buffer.isBuffer(node) ? node : field(node.number, Buffer.concat(node.children.map(encode)))

/** Walks the encoded tree and declares its messages; answers where each raw piece and the end of each message lie. */
function places(nodes: Node[], at: number, message: number, edits: Edits, out: Placed[]): number {
  let pos = at
  for (const node of nodes) {
    const size = encode(node).length
    if (Buffer.isBuffer(node)) out.push({ start: pos, end: pos + size, message })
    else {
      const body = Buffer.concat(node.children.map(encode)).length
      const start = pos + size - body
      const number = edits.within(start, pos + size, message)
      places(node.children, start, number, edits, out)
      out.push({ start: pos + size, end: pos + size, message: number })
    }
    pos += size
  }
  return pos
}

/** The same walk over the tree itself: what the texts make of it. */
function replaced(nodes: Node[], texts: Iterator<Buffer | undefined>): Buffer {
  return Buffer.concat(
    nodes.map((node) => {
      if (Buffer.isBuffer(node)) return texts.next().value ?? node
      const body = replaced(node.children, texts)
      return field(node.number, [body, (texts.next().value as Buffer | undefined) ?? Buffer.alloc(0)])
    }),
  )
}

const raw = fc.uint8Array({ maxLength: 150 }).map((bytes) => Buffer.from(bytes))
/** Not empty: insertions at one place keep the order of recording, which some cases mix up. */
const piece = fc.uint8Array({ minLength: 1, maxLength: 150 }).map((bytes) => Buffer.from(bytes))
const tree = fc.letrec<{ node: Node; nodes: Node[] }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', maxDepth: 4 },
    piece,
    fc.record({ number: fc.integer({ min: 1, max: 40 }), children: tie('nodes') }),
  ),
  nodes: fc.array(tie('node'), { maxLength: 4 }),
})).nodes

describe('edits', () => {
  test('of any nested message give what rebuilding it gives, in whatever order they are recorded', () => {
    const text = fc.option(raw, { nil: undefined })
    fc.assert(
      fc.property(tree, fc.infiniteStream(text), fc.infiniteStream(fc.nat()), (nodes, texts, shuffle) => {
        const edits = new Edits()
        const found: Placed[] = []
        const front = Buffer.alloc(3, 0xff)
        const source = Buffer.concat([front, ...nodes.map(encode), Buffer.alloc(4, 0xfe)])
        const end = places(nodes, front.length, container, edits, found)
        const changes = found.map((place) => ({ place, text: texts.next().value as Buffer | undefined }))
        const expected = replaced(nodes, changes.map((change) => change.text).values() as Iterator<Buffer | undefined>)
        for (const { place, text } of ordered(changes, shuffle)) {
          if (text) edits.replace(place.start, place.end, text, place.message)
        }
        const { buffer, start, end: stop } = edits.apply(source, front.length, end)
        expect(buffer.subarray(start, stop)).toEqual(expected)
      }),
      { numRuns: 600 },
    )
  })

  test('at one place keep the order in which they were recorded', () => {
    const source = field(1, 'xy')
    const edits = new Edits()
    const message = edits.within(2, 4)
    for (const text of ['a', 'b', 'c']) edits.replace(3, 3, Buffer.from(text), message)
    expect(applied(edits, source)).toEqual(field(1, 'xabcy'))
  })

  test('recorded from the back to the front are put in order', () => {
    const source = Buffer.concat([field(1, 'xy'), field(2, 'z')])
    const edits = new Edits()
    const [first, second] = [edits.within(2, 4), edits.within(6, 7)]
    edits.replace(6, 7, Buffer.from('Z'), second)
    edits.replace(4, 4, field(3, 'new'), container)
    edits.replace(4, 4, Buffer.from('!'), first)
    edits.replace(2, 3, Buffer.from('X'), first)
    edits.replace(2, 2, Buffer.from('>'), first)
    expect(applied(edits, source)).toEqual(Buffer.concat([field(1, '>Xy!'), field(3, 'new'), field(2, 'Z')]))
  })

  test('shorten lengths that were written longer than needed', () => {
    const source = Buffer.concat([Buffer.from([0x8a, 0x01, 0x83, 0x80, 0x00]), Buffer.from('abc')])
    const edits = new Edits()
    edits.replace(6, 7, Buffer.alloc(0), edits.within(5, 8))
    expect(applied(edits, source)).toEqual(Buffer.concat([varint((17 << 3) | 2), Buffer.from([2]), Buffer.from('ac')]))
  })

  test('may make a message need a longer length', () => {
    const edits = new Edits()
    const outer = edits.within(2, 6)
    const inner = edits.within(4, 6, outer)
    edits.replace(5, 5, Buffer.alloc(20000, 0x61), inner)
    const out = applied(edits, field(1, field(2, 'xy')))
    expect(out).toEqual(field(1, field(2, `x${'a'.repeat(20000)}y`)))
    expect(varintSize(20000)).toBe(3)
  })
})

const applied = (edits: Edits, source: Buffer) => {
  const { buffer, start, end } = edits.apply(source, 0, source.length)
  return buffer.subarray(start, end)
}

/** Half of the cases in the order of places; the others mixed up. Insertions at one place keep their order. */
function ordered<T>(changes: T[], shuffle: Iterator<number>): T[] {
  if ((shuffle.next().value as number) % 2 === 0) return changes
  const keys = new Map(changes.map((change) => [change, shuffle.next().value as number]))
  return changes.toSorted((a, b) => keys.get(a)! - keys.get(b)!)
}
