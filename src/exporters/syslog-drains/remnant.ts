import { Reader, varintSize, WireType, writeVarint } from '../../wire/protobuf.ts'
import type { Flight } from './flight.ts'

/** Frames of one drain as they stand on disk between two processes. */
export interface Remnant {
  /** `spillKey` of the drain. */
  readonly drain: string
  readonly frames: Buffer
  readonly count: number
}

/** Fields of `loggregator.v2`: EnvelopeBatch, Envelope, Log. */
const batchField = 1
const sourceField = 2
const logField = 4
const instanceField = 8
const payloadField = 1

/** An EnvelopeBatch of one log whose text is the frames as they would have been sent, so that tools can show it. */
export function writeRemnant(drain: string, app: string, { pieces, bytes }: Flight): Buffer {
  const source = Buffer.from(app)
  const instance = Buffer.from(drain)
  const log = fieldSize(bytes)
  const envelope = fieldSize(source.length) + fieldSize(instance.length) + fieldSize(log)
  const out = Buffer.allocUnsafe(fieldSize(envelope))
  let pos = head(out, 0, batchField, envelope)
  pos = head(out, pos, sourceField, source.length)
  pos += source.copy(out, pos)
  pos = head(out, pos, instanceField, instance.length)
  pos += instance.copy(out, pos)
  pos = head(out, pos, logField, log)
  pos = head(out, pos, payloadField, bytes)
  for (const { chunk, from, to } of pieces) pos += chunk.bytes.copy(out, pos, from, to)
  return out
}

/** Undefined when it is none. */
export function readRemnant(payload: Buffer, count: number): Remnant | undefined {
  const envelope = bodyOf(payload, batchField)
  const instance = envelope && bodyOf(envelope, instanceField)
  const log = envelope && bodyOf(envelope, logField)
  const frames = log && bodyOf(log, payloadField)
  return instance && frames && { drain: instance.toString('latin1'), frames, count }
}

function bodyOf(message: Buffer, wanted: number): Buffer | undefined {
  const reader = new Reader(message)
  while (reader.next()) {
    if (reader.field !== wanted || reader.wire !== WireType.bytes) reader.skip()
    else if (reader.span()) return message.subarray(reader.start, reader.stop)
  }
  return undefined
}

const fieldSize = (length: number): number => 1 + varintSize(length) + length

function head(out: Buffer, pos: number, field: number, length: number): number {
  out[pos] = (field << 3) | WireType.bytes
  return writeVarint(out, pos + 1, length)
}
