import { frameMessage } from '../../src/net/frames.ts'

/** A protobuf message under construction: for load that is built once, so clear before quick. */
export class Message {
  private readonly parts: Buffer[] = []

  varint(field: number, value: number): this {
    return this.raw(field, 0, varint(value))
  }

  double(field: number, value: number): this {
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleLE(value)
    return this.raw(field, 1, bytes)
  }

  text(field: number, value: string): this {
    const bytes = Buffer.from(value)
    return this.raw(field, 2, varint(bytes.length), bytes)
  }

  message(field: number, value: Message): this {
    const bytes = value.bytes()
    return this.raw(field, 2, varint(bytes.length), bytes)
  }

  raw(field: number, wire: number, ...parts: Buffer[]): this {
    this.parts.push(varint(field * 8 + wire), ...parts)
    return this
  }

  bytes(): Buffer {
    return Buffer.concat(this.parts)
  }
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  bytes.push(rest)
  return Buffer.from(bytes)
}

/** Nanoseconds of our days as a varint always take nine bytes; a smaller number is padded to them. */
export function varint9(value: number): Buffer {
  const bytes = Buffer.alloc(9)
  stamp(bytes, 0, value)
  return bytes
}

/** Overwrites a timestamp of nine bytes in place. */
export function stamp(bytes: Buffer, at: number, nanos: number): void {
  let rest = nanos
  for (let i = 0; i < 8; i++) {
    const next = Math.floor(rest / 128)
    bytes[at + i] = rest - next * 128 + 128
    rest = next
  }
  bytes[at + 8] = rest
}

/** A message ready for a stream, with the places of its timestamps. */
export interface Frame {
  readonly bytes: Buffer
  readonly stamps: readonly number[]
  readonly records: number
}

/** The records as an EnvelopeBatch (field 1 repeated), or the one record as it is. Timestamps begin at byte 1 of each. */
export function joined(records: readonly Buffer[], single: boolean): Frame {
  const stamps: number[] = []
  const parts: Buffer[] = []
  let size = 5
  for (const record of records) {
    if (!single) {
      const head = Buffer.concat([Buffer.from([0x0a]), varint(record.length)])
      parts.push(head)
      size += head.length
    }
    stamps.push(size + 1)
    parts.push(record)
    size += record.length
  }
  return { bytes: frameMessage(parts), stamps, records: records.length }
}

/** Now, in nanoseconds since 1970; exact to a quarter of a microsecond. */
export const nowNanos = (): number => (performance.timeOrigin + performance.now()) * 1e6
