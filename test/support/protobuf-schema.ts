import { Buffer } from 'node:buffer'

/** A field of a message: its number is the key it stands under. `*` marks repeated, `map:` a map from string. */
export type FieldType =
  | 'string'
  | 'bytes'
  | 'bool'
  | 'int32'
  | 'int64'
  | 'uint64'
  | 'sint32'
  | 'fixed32'
  | 'fixed64'
  | 'sfixed64'
  | 'double'
  | Schema
export interface Field {
  name: string
  type: FieldType
  repeated?: boolean
  map?: boolean
}
export type Schema = { [number: number]: Field }

/** Plain decoded messages: 64-bit numbers are BigInt, bytes are Buffers, absent fields are missing. */
// biome-ignore lint/suspicious/noExplicitAny: tests reach into decoded messages freely
export type Message = Record<string, any>

const wireOf: Record<string, number> = {
  string: 2,
  bytes: 2,
  bool: 0,
  int32: 0,
  int64: 0,
  uint64: 0,
  sint32: 0,
  fixed32: 5,
  fixed64: 1,
  sfixed64: 1,
  double: 1,
}
const wireType = (type: FieldType) => (typeof type === 'object' ? 2 : wireOf[type]!)

class Cursor {
  pos = 0
  bytes: Buffer
  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }
  get done(): boolean {
    return this.pos >= this.bytes.length
  }
  varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.take(1)[0]!
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw new Error('varint too long')
  }
  take(size: number): Buffer {
    if (this.pos + size > this.bytes.length) throw new Error('cut short')
    this.pos += size
    return this.bytes.subarray(this.pos - size, this.pos)
  }
  raw(wire: number): Buffer | bigint {
    if (wire === 0) return this.varint()
    if (wire === 1) return this.take(8)
    if (wire === 2) return this.take(Number(this.varint()))
    if (wire === 5) return this.take(4)
    throw new Error(`wire type ${wire}`)
  }
}

/** Decodes strictly: throws on malformed bytes and on strings that are not UTF-8 (unless `lenient`). */
export function decode(schema: Schema, bytes: Uint8Array, lenient = false): Message {
  const message: Message = {}
  const cursor = new Cursor(bytes)
  while (!cursor.done) {
    const tag = Number(cursor.varint())
    const value = cursor.raw(tag & 7)
    const field = schema[tag >>> 3]
    if (!field) continue
    if (field.map) {
      message[field.name] ??= {}
      const entry = decode(
        { 1: { name: 'key', type: 'string' }, 2: { name: 'value', type: field.type } },
        value as Buffer,
        lenient,
      )
      const absent = typeof field.type === 'object' ? {} : ''
      message[field.name][entry.key ?? ''] = entry.value ?? absent
    } else if (field.repeated) {
      message[field.name] ??= []
      const packed = (tag & 7) === 2 && wireType(field.type) !== 2
      if (!packed) message[field.name].push(scalar(field.type, value, lenient))
      else {
        const inner = new Cursor(value as Buffer)
        while (!inner.done) message[field.name].push(scalar(field.type, inner.raw(wireType(field.type)), lenient))
      }
    } else if (wireType(field.type) === (tag & 7)) message[field.name] = scalar(field.type, value, lenient)
  }
  return message
}

function scalar(type: FieldType, value: Buffer | bigint, lenient: boolean): unknown {
  if (typeof value === 'bigint') {
    if (type === 'bool') return value !== 0n
    if (type === 'int32') return Number(BigInt.asIntN(32, value))
    if (type === 'sint32') return Number(value >> 1n) ^ -Number(value & 1n)
    return type === 'int64' ? BigInt.asIntN(64, value) : value
  }
  if (typeof type === 'object') return decode(type, value, lenient)
  if (type === 'string')
    return lenient ? value.toString() : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value)
  if (type === 'double') return value.readDoubleLE(0)
  if (type === 'fixed64') return value.readBigUInt64LE(0)
  if (type === 'sfixed64') return value.readBigInt64LE(0)
  if (type === 'fixed32') return value.readUInt32LE(0)
  return Buffer.from(value)
}

/** Encodes every field that the message has, zero values included, in order of field numbers. */
export function encode(schema: Schema, message: Message): Buffer {
  const parts: Buffer[] = []
  for (const [number, field] of Object.entries(schema)) {
    const value = message[field.name]
    if (value === undefined) continue
    const put = (one: unknown) => parts.push(tag(Number(number), wireType(field.type)), encodeScalar(field.type, one))
    if (field.map) {
      const entry: Schema = { 1: { name: 'key', type: 'string' }, 2: { name: 'value', type: field.type } }
      for (const [key, one] of Object.entries(value))
        parts.push(tag(Number(number), 2), sized(encode(entry, { key, value: one })))
    } else if (field.repeated) for (const one of value) put(one)
    else put(value)
  }
  return Buffer.concat(parts)
}

const tag = (number: number, wire: number) => varint(BigInt(number * 8 + wire))
const sized = (bytes: Buffer) => Buffer.concat([varint(BigInt(bytes.length)), bytes])

function varint(value: bigint): Buffer {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return Buffer.from([...bytes, Number(rest)])
}

// biome-ignore lint/suspicious/noExplicitAny: the schema says what the value is
function encodeScalar(type: FieldType, value: any): Buffer {
  if (typeof type === 'object') return sized(encode(type, value))
  if (type === 'string') return sized(Buffer.from(value))
  if (type === 'bytes') return sized(Buffer.from(value))
  const fixed = Buffer.alloc(wireType(type) === 5 ? 4 : 8)
  if (type === 'double') fixed.writeDoubleLE(value)
  else if (type === 'fixed64') fixed.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)))
  else if (type === 'sfixed64') fixed.writeBigInt64LE(BigInt(value))
  else if (type === 'fixed32') fixed.writeUInt32LE(value)
  else if (type === 'sint32') return varint(BigInt.asUintN(32, BigInt((value << 1) ^ (value >> 31))))
  else return varint(BigInt(value))
  return fixed
}
