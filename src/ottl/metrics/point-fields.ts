import type { Draft } from '../../telemetry/draft.ts'
import { fixed64Frame, spanFrame } from '../../telemetry/frames.ts'
import { Reader, splitBigInt } from '../../wire/protobuf.ts'

const bits = Buffer.alloc(8)
const reader = new Reader()

/** A fixed64, or 0 where it is absent. */
export const fixedAt = (point: Draft, field: number): bigint => (load(point, field) ? bits.readBigUInt64LE() : 0n)

export const signedAt = (point: Draft, field: number): bigint => BigInt.asIntN(64, fixedAt(point, field))

export const doubleAt = (point: Draft, field: number): number | undefined =>
  load(point, field) ? bits.readDoubleLE() : undefined

/** Brings the last field of eight bytes into `bits`. */
function load(point: Draft, field: number): boolean {
  const tag = (field << 3) | 1
  for (let i = point.count - 1; i >= 0; i--) {
    if (point.tagOf(i) !== tag) continue
    bits.set(point.bufOf(i).subarray(point.startOf(i), point.startOf(i) + 8))
    return true
  }
  return false
}

/** A varint, or 0 where it is absent. */
export function varintAt(point: Draft, field: number): number {
  const at = point.find(field)
  return at < 0 || (point.tagOf(at) & 7) !== 0
    ? 0
    : reader.reset(point.bufOf(at), point.startOf(at), point.endOf(at)).varint32()
}

export function putFixed(point: Draft, field: number, value: bigint): void {
  point.put(field, fixed64Frame(field, ...splitBigInt(BigInt.asUintN(64, value))))
}

export function putDouble(point: Draft, field: number, value: number): void {
  bits.writeDoubleLE(value)
  putFixed(point, field, bits.readBigUInt64LE())
}

/** The numbers of eight bytes of a repeated field, packed or not, as their bytes. */
export function fixedsAt(point: Draft, field: number): Buffer {
  const parts: Uint8Array[] = []
  for (let i = 0; i < point.count; i++) {
    const wire = point.tagOf(i) & 7
    if (point.fieldOf(i) !== field || (wire !== 1 && wire !== 2)) continue
    const start = point.startOf(i)
    parts.push(point.bufOf(i).subarray(start, point.endOf(i) - ((point.endOf(i) - start) % 8)))
  }
  return Buffer.concat(parts)
}

export function putFixeds(point: Draft, field: number, packed: Buffer): void {
  point.removeAll(field)
  if (packed.length > 0) point.append(spanFrame(field, packed))
}

/** Adds the messages `field` of one point, such as its exemplars, to another. */
export function appendAll(into: Draft, point: Draft, field: number): void {
  const tag = (field << 3) | 2
  for (let i = 0; i < point.count; i++) {
    if (point.tagOf(i) === tag) into.append(spanFrame(field, point.bufOf(i), point.startOf(i), point.endOf(i)))
  }
}
