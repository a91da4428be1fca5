import fc from 'fast-check'
import { BackwardWriter } from '../protobuf.ts'
import type { FieldShape, MessageShape } from './shapes.ts'

/**
 * Bytes of random messages of a shape, as a canonical encoder writes them: fields in the order of their numbers, no
 * zeros but where they are explicit, repeated numbers packed; fields that JSON always has are always there.
 */
export const randomMessage = (shape: MessageShape): fc.Arbitrary<Buffer> =>
  fc.infiniteStream(fc.nat()).map((numbers) => {
    const next = (below: number) => (numbers.next().value as number) % below
    const writer = new BackwardWriter()
    write(shape, writer, next, 0)
    return writer.take()
  })

type Next = (below: number) => number

function write(shape: MessageShape, writer: BackwardWriter, next: Next, depth: number): void {
  const oneofs = shape.fields.filter(({ oneof }) => oneof)
  const chosen = oneofs.length > 0 && next(5) > 0 ? oneofs[next(oneofs.length)] : undefined
  for (const field of shape.fields.toReversed()) {
    if (field.oneof) {
      if (field === chosen && (field.type !== 'message' || depth < 12)) one(field, writer, next, depth)
    } else if (field.repeated) {
      const count = depth > 12 ? 0 : next(4)
      if (field.wire === 2) for (let i = 0; i < count; i++) one(field, writer, next, depth)
      else if (count > 0) packed(field, count, writer, next)
    } else if (field.always || next(3) > 0) one(field, writer, next, depth)
  }
}

function packed(field: FieldShape, count: number, writer: BackwardWriter, next: Next): void {
  const mark = writer.length
  for (let i = 0; i < count; i++) scalar(field, writer, next)
  writer.message(field.number, mark)
}

function one(field: FieldShape, writer: BackwardWriter, next: Next, depth: number): void {
  const mark = writer.length
  const keepsZero = field.present || field.repeated
  if (field.message) write(field.message, writer, next, depth + 1)
  else if (field.type === 'string') writer.text(texts[next(texts.length - (keepsZero ? 0 : 1))]!)
  else if (field.type === 'bytes') writer.raw(Buffer.alloc(next(5) + (keepsZero ? 0 : 1), next(256)))
  else if (field.wire === 2) writer.raw(Buffer.alloc(field.type === 'traceId' ? 16 : 8, 1 + next(255)))
  else {
    if (!keepsZero) nonZero(field, writer, next)
    else scalar(field, writer, next)
    writer.tag(field.number, field.wire)
    return
  }
  writer.message(field.number, mark)
}

const texts = ['a', 'ünï', 'quote " back \\ slash /', '\u0000\u001f\n\t', '😀', 'x'.repeat(200), '']
const doubles = [1.5, -0, 1e300, 5e-324, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -17, 0.1, 0]
const ints = [1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 1_700_000_000_123_456_789n, 4_294_967_296n, 0n]

function nonZero(field: FieldShape, writer: BackwardWriter, next: Next): void {
  scalar(field, writer, (below) => next(Math.max(1, below - 1)), 1)
}

/** Zeros stand last in every list. */
function scalar(field: FieldShape, writer: BackwardWriter, next: Next, least = 0): void {
  const { type } = field
  if (type === 'bool') writer.byte(least || next(2))
  else if (type === 'double') writer.double(doubles[next(doubles.length)]!)
  else if (type === 'fixed32') {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(least + next(2 ** 32 - 1))
    writer.raw(bytes)
  } else if (type === 'uint32' || type === 'sint32') writer.varint(least + next(2 ** 32 - 1))
  else if (type === 'int32' || type === 'enum') writer.int32(least + next(2 ** 31 - 2))
  else long(field, writer, next)
}

function long(field: FieldShape, writer: BackwardWriter, next: Next): void {
  const value = BigInt.asUintN(64, ints[next(ints.length)]!)
  const [lo, hi] = [Number(value & 0xffffffffn), Number(value >> 32n)]
  if (field.wire === 1) writer.fixed64(lo, hi)
  else writer.varint64(lo, hi)
}
