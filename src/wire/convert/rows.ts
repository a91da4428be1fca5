import { Reader } from '../protobuf.ts'

/**
 * Where the records of a container lie: record `i` is `bytes[spans[first + i * stride], spans[first + i * stride + 1])`,
 * the body without tag and length. `first` is 0 and `stride` 2 unless the spans sit inside a wider index.
 */
export interface RowSpans {
  bytes: Uint8Array
  spans: Uint32Array
  count: number
  first?: number
  stride?: number
}

/**
 * A record may stand for many that each repeat its tags: a small hostile message could ask for terabytes. What would make
 * the output longer than this is not written and counted as too large.
 */
const maxOutputBytes = 128 * 1024 * 1024

/** Whether `copies` records of about `size` bytes still fit behind the `written` bytes of one conversion. */
export const fitsOutput = (written: number, copies: number, size: number) => written + copies * size <= maxOutputBytes

/** Index of a container's records: every length-delimited field 1 of the message `[start, end)`, up to where it breaks. */
export function rowsOf(bytes: Uint8Array, start = 0, end = bytes.length): RowSpans {
  const reader = new Reader(bytes, start, end)
  let spans = new Uint32Array(64)
  let count = 0
  while (reader.next() && reader.skip()) {
    if (reader.field !== 1 || reader.wire !== 2) continue
    if (count * 2 === spans.length) {
      const wider = new Uint32Array(spans.length * 2)
      wider.set(spans)
      spans = wider
    }
    spans[count * 2] = reader.start
    spans[count * 2 + 1] = reader.stop
    count++
  }
  return { bytes, spans, count }
}
