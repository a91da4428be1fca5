import { AnyKind, AnyView, anyText } from '../../convert/any-value.ts'
import { entry, readEntry } from '../../convert/map-entry.ts'
import type { ForwardWriter } from '../../forward-writer.ts'
import { Reader } from '../../protobuf.ts'
import { isVisible } from '../sanitize.ts'

/** RFC 5424, 6.3.2. */
export const maxName = 32

const reader = new Reader()
const inner = new Reader()
const any = new AnyView()
const value = new AnyView()

/**
 * Appends the map of maps `b[start, end)` (entries of a KeyValueList) as structured data, `[id name="value"][...]`.
 * Elements that hold something else than a map have no parameters.
 */
export function writeStructuredData(b: Uint8Array, start: number, end: number, to: ForwardWriter): void {
  reader.reset(b, start, end)
  while (reader.next() && reader.skip()) {
    if (reader.field !== 1 || reader.wire !== 2 || !readEntry(b, reader.start, reader.stop)) continue
    const { keyStart, keyEnd, valueStart, valueEnd } = entry
    if (keyEnd === keyStart || !any.read(b, valueStart, valueEnd)) continue
    to.reserve(maxName + 1)
    to.buf[to.pos] = 0x5b
    to.pos = writeName(to.buf, to.pos + 1, b, keyStart, keyEnd)
    if (any.kind === AnyKind.kvlist) writeParameters(b, any.start, any.end, to)
    to.byte(0x5d)
  }
}

function writeParameters(b: Uint8Array, start: number, end: number, to: ForwardWriter): void {
  inner.reset(b, start, end)
  while (inner.next() && inner.skip()) {
    if (inner.field !== 1 || inner.wire !== 2 || !readEntry(b, inner.start, inner.stop)) continue
    const { keyStart, keyEnd, valueStart, valueEnd } = entry
    if (keyEnd > keyStart) writeParameter(b, keyStart, keyEnd, valueStart, valueEnd, to)
  }
}

/** Appends ` name="value"` for the key and the AnyValue of an attribute. */
export function writeParameter(
  b: Uint8Array,
  keyStart: number,
  keyEnd: number,
  valueStart: number,
  valueEnd: number,
  to: ForwardWriter,
): void {
  if (!value.read(b, valueStart, valueEnd)) return
  if (value.kind === AnyKind.string) writeText(b, keyStart, keyEnd, b, value.start, value.end, to)
  else {
    const text = Buffer.from(anyText(b, value))
    writeText(b, keyStart, keyEnd, text, 0, text.length, to)
  }
}

/** Appends ` name="value"`, with backslashes before quotes, backslashes and closing brackets. */
export function writeText(
  b: Uint8Array,
  keyStart: number,
  keyEnd: number,
  source: Uint8Array,
  start: number,
  end: number,
  to: ForwardWriter,
): void {
  to.reserve(maxName + 4 + (end - start) * 2)
  const { buf } = to
  buf[to.pos] = 0x20
  let at = writeName(buf, to.pos + 1, b, keyStart, keyEnd)
  buf[at] = 0x3d
  buf[at + 1] = 0x22
  at += 2
  for (let i = start; i < end; i++) {
    const byte = source[i]!
    if (byte === 0x22 || byte === 0x5c || byte === 0x5d) buf[at++] = 0x5c
    buf[at++] = byte
  }
  buf[at] = 0x22
  to.pos = at + 1
}

/** Writes an SD-ID or PARAM-NAME: each character that may not stand in one becomes `_`; 32 bytes at most. */
function writeName(to: Uint8Array, pos: number, b: Uint8Array, start: number, end: number): number {
  return writeClean(to, pos, b, start, end, maxName, true)
}

/** The same for HOSTNAME, APP-NAME, PROCID and MSGID, where only blanks and what is no visible ASCII goes. */
export function writeWord(
  to: Uint8Array,
  pos: number,
  b: Uint8Array,
  start: number,
  end: number,
  most: number,
): number {
  const stop = end - start > most ? start + most : end
  let at = pos
  for (let i = start; i < stop; i++) {
    const byte = b[i]!
    if (byte <= 0x20 || byte >= 0x7f) return writeClean(to, pos, b, start, end, most, false)
    to[at++] = byte
  }
  return at
}

function writeClean(
  to: Uint8Array,
  pos: number,
  b: Uint8Array,
  start: number,
  end: number,
  most: number,
  isName: boolean,
): number {
  const limit = pos + most
  let at = pos
  for (let i = start; i < end && at < limit; i++) {
    const byte = b[i]!
    // Bytes behind the first one of a character.
    if ((byte & 0xc0) === 0x80) continue
    const isBad = !isVisible(byte) || (isName && (byte === 0x22 || byte === 0x3d || byte === 0x5d))
    to[at++] = isBad ? 0x5f : byte
  }
  return at
}
