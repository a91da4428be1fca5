import { readFloat, read as readNumber } from '../number-text.ts'
import { varintSize, writeVarint, writeVarint64 } from '../varint.ts'
import { readBase64, readHex } from './json-bytes.ts'
import { JsonFault, JsonReader } from './json-reader.ts'
import { requests } from './messages.ts'
import { type FieldShape, type MessageShape, Step } from './shapes.ts'

/** Messages inside messages: as many as the gate takes. */
const mostDepth = 100
const TWO32 = 4294967296
/** Characters of a foreign text in a fault. */
const mostQuoted = 40

/** Why a JSON request does not decode, and where: `resourceLogs[0].scopeLogs[0]: expected [ at byte 41`. */
export interface JsonError {
  readonly error: string
}

/**
 * An OTLP request as JSON, in protobuf (opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding"): keys in
 * lowerCamelCase or as in the .proto files, unknown ones ignored; ids in hexadecimal; 64-bit numbers as text or number;
 * enums by number or name; null as absent. The answer is valid until the next call. Strings may hold invalid UTF-8.
 */
export function decodeOtlpJson(
  format: 'logs' | 'metrics' | 'traces',
  text: Buffer,
  start = 0,
  end: number = text.length,
): Buffer | JsonError {
  return decoder.decode(requests[format], text, start, end)
}

/** The same for any message of OTLP. */
export const decodeJsonMessage = (shape: MessageShape, text: Buffer): Buffer | JsonError =>
  decoder.decode(shape, text, 0, text.length)

/** A buffer that stays: larger ones are given back. */
const usualBytes = 256 << 10

class Decoder {
  private readonly json = new JsonReader()
  private out = Buffer.allocUnsafeSlow(4096)
  private pos = 0
  /** Where it is: the field at each level, and which item of it. */
  private readonly names: string[] = []
  private readonly items: number[] = []
  private level = 0

  decode(shape: MessageShape, text: Buffer, start: number, end: number): Buffer | JsonError {
    if (this.out.length > usualBytes) this.out = Buffer.allocUnsafeSlow(4096)
    this.pos = 0
    this.level = -1
    this.json.reset(text, start, end)
    try {
      this.message(shape, 0)
      this.level = -1
      this.json.finish()
      return this.out.subarray(0, this.pos)
    } catch (fault) {
      if (!(fault instanceof JsonFault)) throw fault
      const where = this.path()
      return { error: `${where && `${where}: `}${fault.message} at byte ${fault.at - start}` }
    }
  }

  private path(): string {
    const parts = this.names.slice(0, this.level + 1)
    return parts.map((name, i) => (this.items[i]! < 0 ? name : `${name}[${this.items[i]}]`)).join('.')
  }

  private message(shape: MessageShape, depth: number): void {
    const { json } = this
    if (depth > mostDepth) json.fail(`nested more than ${mostDepth} deep`)
    json.expect(0x7b, '{')
    if (json.take(0x7d)) return
    do {
      this.level = depth - 1
      const found = json.key(shape)
      if (!found) json.skipValue()
      else {
        this.level = depth
        this.names[depth] = found.name
        this.items[depth] = -1
        if (json.takeNull()) continue
        if (found.repeated) this.list(found, depth)
        else this.value(found, depth)
      }
      this.level = depth - 1
    } while (json.take(0x2c))
    json.expect(0x7d, '} or ,')
  }

  private list(shape: FieldShape, depth: number): void {
    const { json } = this
    json.expect(0x5b, '[')
    if (json.take(0x5d)) return
    const packed = shape.step >= Step.packed
    const mark = packed ? this.open(shape.number, 1) : 0
    let item = 0
    do {
      this.items[depth] = item++
      if (packed) this.scalar(shape)
      else this.value(shape, depth)
      this.level = depth
    } while (json.take(0x2c))
    this.items[depth] = -1
    json.expect(0x5d, '] or ,')
    if (packed) this.close(mark, 1)
  }

  /** One value with its tag; left out when it is what an absent field means. */
  private value(shape: FieldShape, depth: number): void {
    const { json } = this
    const { number, type } = shape
    const before = this.pos
    const keepsZero = shape.present || shape.repeated
    if (type === 'message') {
      const room = roomOf(shape)
      const mark = this.open(number, room)
      this.message(shape.message!, depth + 1)
      this.close(mark, room)
    } else if (type === 'string') {
      json.string()
      if (json.stop > json.start || keepsZero) this.text(number)
    } else if (shape.wire === 2) {
      json.string()
      const bytes = type === 'bytes' ? readBase64(json) : readHex(json, type === 'traceId' ? 16 : 8)
      if (bytes.length === 0 && !keepsZero) return
      const mark = this.open(number, 1)
      this.reserve(bytes.length)
      this.out.set(bytes, this.pos)
      this.pos += bytes.length
      this.close(mark, 1)
    } else {
      this.tag(number, shape.wire)
      if (!this.scalar(shape) && !keepsZero) this.pos = before
    }
  }

  /** Writes a number or bool without its tag; answers whether it differs from zero. */
  private scalar(shape: FieldShape): boolean {
    const { json } = this
    this.reserve(10)
    const { out } = this
    switch (shape.type) {
      case 'bool': {
        const value = json.bool()
        out[this.pos++] = value ? 1 : 0
        return value
      }
      case 'double': {
        const value = this.double()
        this.pos = out.writeDoubleLE(value, this.pos)
        // Minus zero is no zero: its bits say so.
        return value !== 0 || Object.is(value, -0)
      }
      case 'enum': {
        if (json.peek() !== 0x22 || json.isDigit(json.pos + 1)) break
        const at = json.pos
        json.string()
        const value = shape.values!.indexOf(json.text())
        if (value < 0) json.fail(`no such value: ${JSON.stringify(json.text().slice(0, mostQuoted))}`, at)
        this.pos = writeVarint(out, this.pos, value)
        return value !== 0
      }
    }
    return this.integer(shape)
  }

  private integer(shape: FieldShape): boolean {
    const { json, out } = this
    const at = json.pos
    json.integer()
    let { lo, hi } = json
    const { type } = shape
    const unsigned = type === 'uint64' || type === 'fixed64' || type === 'uint32' || type === 'fixed32'
    const narrow = type !== 'int64' && type !== 'uint64' && type !== 'fixed64' && type !== 'sfixed64'
    const top = unsigned ? TWO32 : json.negative && lo === 0 && !narrow ? 0x80000001 : 0x80000000
    const tooLarge = narrow ? hi !== 0 || lo >= (json.negative ? top + 1 : top) : hi >= top
    if (tooLarge || (json.negative && unsigned && (lo | hi) !== 0)) json.fail(`does not fit ${type}`, at)
    if (json.negative && (lo | hi) !== 0) {
      lo = (~lo + 1) >>> 0
      hi = (~hi + (lo === 0 ? 1 : 0)) >>> 0
    }
    if (type === 'sint32') this.pos = writeVarint(out, this.pos, ((lo << 1) ^ (lo >> 31)) >>> 0)
    else if (shape.wire === 0) this.pos = writeVarint64(out, this.pos, lo, hi)
    else {
      out.writeUInt32LE(lo, this.pos)
      if (shape.wire === 1) out.writeUInt32LE(hi, this.pos + 4)
      this.pos += shape.wire === 1 ? 8 : 4
    }
    return (lo | hi) !== 0
  }

  private double(): number {
    const { json } = this
    const at = json.pos
    json.number()
    const { buf, start, stop } = json
    const first = buf[stop - 1]!
    if (json.quoted && (first === 0x4e || first === 0x79)) {
      const word = buf.toString('latin1', start, stop)
      if (word === 'NaN') return Number.NaN
      if (word === 'Infinity') return Number.POSITIVE_INFINITY
      if (word === '-Infinity') return Number.NEGATIVE_INFINITY
    }
    const value = readFloat(buf, start, stop)
    if (!readNumber.ok || !Number.isFinite(value)) json.fail('expected a number', at)
    return value
  }

  private text(number: number): void {
    const { json } = this
    if (json.escaped) {
      const mark = this.open(number, 1)
      this.reserve(json.stop - json.start)
      this.pos = json.unescape(this.out, this.pos)
      this.close(mark, 1)
      return
    }
    const size = json.stop - json.start
    this.reserve(size + 15)
    this.tag(number, 2)
    this.pos = writeVarint(this.out, this.pos, size)
    const { buf, start, stop } = json
    if (size < 24) for (let i = start; i < stop; i++) this.out[this.pos++] = buf[i]!
    else this.pos += buf.copy(this.out, this.pos, start, stop)
  }

  private tag(number: number, wire: number): void {
    this.reserve(16)
    this.pos = writeVarint(this.out, this.pos, (number << 3) | wire)
  }

  /** Writes a tag and leaves `room` bytes for the length; answers where the body begins. */
  private open(number: number, room: number): number {
    this.tag(number, 2)
    this.pos += room
    return this.pos
  }

  /** Writes the length, and moves the body where it takes more or less room than thought. */
  private close(start: number, room: number): void {
    const size = this.pos - start
    const needed = varintSize(size)
    if (needed !== room) {
      this.reserve(5)
      this.out.copyWithin(start - room + needed, start, this.pos)
      this.pos += needed - room
    }
    writeVarint(this.out, start - room, size)
  }

  private reserve(bytes: number): void {
    const need = this.pos + bytes
    if (need <= this.out.length) return
    const next = Buffer.allocUnsafeSlow(Math.max(this.out.length * 2, need))
    this.out.copy(next, 0, 0, this.pos)
    this.out = next
  }
}

/** The usual size of a length, by what the message is. */
const roomOf = ({ step }: FieldShape) => (step === Step.group ? 3 : step === Step.record ? 2 : 1)

const decoder = new Decoder()
