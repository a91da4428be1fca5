/** Names of Cloud Foundry made fit for HOSTNAME and PROCID. Both write behind `out.pos`, where there must be room. */
import type { ForwardWriter } from '../forward-writer.ts'

const maxHostPart = 63

/** Writes one part of a host name: white space becomes `-`, all but letters, digits and `-` goes; at most 63 bytes. */
export function writeHostPart(out: ForwardWriter, bytes: Uint8Array, start: number, end: number): void {
  writeClean(out, bytes, start, end, isHostByte)
  const from = out.pos
  out.pos = Math.min(cleanEnd(out, from), from + maxHostPart)
}

/** Writes a source type: white space becomes `-`, all but visible ASCII goes; letters in upper case. */
export function writeSourceType(out: ForwardWriter, bytes: Uint8Array, start: number, end: number): void {
  writeClean(out, bytes, start, end, isVisible)
  const from = out.pos
  out.pos = cleanEnd(out, from)
  for (let i = from; i < out.pos; i++) {
    const byte = out.buf[i]!
    if (byte >= 0x61 && byte <= 0x7a) out.buf[i] = byte - 32
  }
}

/** End of what the last `writeClean` wrote, which began at `out.pos`. */
let written = 0

function writeClean(
  out: ForwardWriter,
  bytes: Uint8Array,
  start: number,
  end: number,
  keeps: (byte: number) => boolean,
): void {
  let pos = out.pos
  let blank = false
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!
    if (isBlank(byte)) {
      if (!blank) out.buf[pos++] = 0x2d
      blank = true
      continue
    }
    blank = false
    if (keeps(byte)) out.buf[pos++] = byte
  }
  written = pos
}

/** End of the clean text without the `-` at its end. */
function cleanEnd(out: ForwardWriter, from: number): number {
  let end = written
  while (end > from && out.buf[end - 1] === 0x2d) end--
  return end
}

/** Tab, line feed, form feed, carriage return, space; not the vertical tab. */
const isBlank = (byte: number) => byte === 0x20 || byte === 9 || byte === 10 || byte === 12 || byte === 13
/** PRINTUSASCII of RFC 5424. */
export const isVisible = (byte: number) => byte > 0x20 && byte < 0x7f
const isHostByte = (byte: number) =>
  (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x2d
