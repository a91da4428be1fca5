import { basename } from 'node:path'
import { Reader, varintSize, WireType, writeVarint } from '../wire/protobuf.ts'
import { frame, readFrame } from '../wire/syslog/frames.ts'

/** Part of an exporter's place on disk that holds what its drains had in memory. */
export const remnantsPart = 'memory'

/** What is in a folder of a storage that is no ordinary queue: `exporter_syslog_drains__memory`; undefined for all others. */
export const holdsOf = (folder: string): 'syslog messages' | undefined =>
  /^exporter_syslog_drains_.*_memory$/.test(basename(folder)) ? 'syslog messages' : undefined

/** Octet-counted frames of one drain, in pieces. */
export interface Frames {
  readonly pieces: readonly { readonly chunk: { readonly bytes: Buffer }; readonly from: number; readonly to: number }[]
  readonly bytes: number
}

/** Frames of one drain as they stand on disk between two processes. */
export interface Remnant {
  /** The name of the drain's folder. */
  readonly drain: string
  readonly app: string
  readonly frames: Buffer
  readonly count: number
}

/** Fields of `loggregator.v2`: EnvelopeBatch, Envelope, Log. */
const batchField = 1
const sourceField = 2
const logField = 4
const instanceField = 8
const payloadField = 1

/** An EnvelopeBatch of one log whose text is the frames as they would have been sent. */
export function writeRemnant(drain: string, app: string, { pieces, bytes }: Frames): Buffer {
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
  const source = envelope && bodyOf(envelope, sourceField)
  const instance = envelope && bodyOf(envelope, instanceField)
  const log = envelope && bodyOf(envelope, logField)
  const frames = log && bodyOf(log, payloadField)
  if (!source || !instance || !frames) return undefined
  return { drain: instance.toString('latin1'), app: source.toString(), frames, count }
}

/** The same as an EnvelopeBatch with a log for each message, for people to look at. */
export function messagesOf(payload: Buffer): Buffer {
  const remnant = readRemnant(payload, 0)
  if (!remnant) return payload
  const { drain, app, frames } = remnant
  const logs: Buffer[] = []
  for (let pos = 0; readFrame(frames, pos, frames.length) >= 0; pos = frame.end) {
    const { start: from, end: to } = frame
    logs.push(writeRemnant(drain, app, { pieces: [{ chunk: { bytes: frames }, from, to }], bytes: to - from }))
  }
  return Buffer.concat(logs)
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
