import { copySpan, sameBytes } from '../../telemetry/value.ts'
import type { Point } from './point.ts'

/** Keys of streams within a metric: start, kind of number, and attributes in any order. */
export class StreamKey {
  private bytes = Buffer.allocUnsafeSlow(1024)
  private order = new Uint32Array(64)
  private ranks = new Uint32Array(64)

  of(buf: Buffer, point: Point): string {
    const { attributes } = point
    const count = attributes.length / 2
    if (count > this.order.length) {
      this.order = new Uint32Array(count * 2)
      this.ranks = new Uint32Array(count * 2)
    }
    this.sort(buf, attributes, count)
    const { order } = this
    let size = 9
    for (let i = 0; i < count; i++) size += attributes[i * 2 + 1]! - attributes[i * 2]! + 4
    if (size > this.bytes.length) this.bytes = Buffer.allocUnsafeSlow(size * 2)
    const { bytes } = this
    bytes[0] = point.isDouble ? 1 : 0
    let pos = bytes.writeUInt32LE(point.startHi, bytes.writeUInt32LE(point.startLo, 1))
    for (let i = 0; i < count; i++) {
      const start = attributes[order[i]! * 2]!
      const end = attributes[order[i]! * 2 + 1]!
      pos = bytes.writeUInt32LE(end - start, pos)
      pos = copySpan(bytes, pos, buf, start, end)
    }
    return bytes.toString('latin1', 0, pos)
  }

  /** Any order will do as long as it is always the same: size, a letter of the key and the last byte tell most apart. */
  private sort(buf: Buffer, attributes: readonly number[], count: number): void {
    const { order, ranks } = this
    for (let i = 0; i < count; i++) {
      const start = attributes[i * 2]!
      const end = attributes[i * 2 + 1]!
      const rank =
        ((Math.min(end - start, 0xffff) << 16) |
          ((buf[Math.min(start + 2, end - 1)] ?? 0) << 8) |
          (buf[end - 1] ?? 0)) >>>
        0
      ranks[i] = rank
      let at = i
      for (; at > 0; at--) {
        const other = order[at - 1]!
        if (ranks[other]! < rank || (ranks[other] === rank && compare(buf, attributes, other, i) <= 0)) break
        order[at] = other
      }
      order[at] = i
    }
  }
}

function compare(buf: Buffer, attributes: readonly number[], a: number, b: number): number {
  const [aStart, aEnd] = [attributes[a * 2]!, attributes[a * 2 + 1]!]
  const [bStart, bEnd] = [attributes[b * 2]!, attributes[b * 2 + 1]!]
  if (sameBytes(buf, aStart, aEnd, buf, bStart, bEnd)) return 0
  return Buffer.compare(buf.subarray(aStart, aEnd), buf.subarray(bStart, bEnd))
}
