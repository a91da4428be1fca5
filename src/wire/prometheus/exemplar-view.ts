import { Reader, WireType } from '../protobuf.ts'
import { Spans } from './point-view.ts'

/** One exemplar of OTLP, used again for the next one. */
export const exemplarView = {
  value: 0,
  /** Milliseconds since 1970, 0 when there is none. */
  timeMs: 0,
  /** Hexadecimal; empty when there is none. */
  traceId: '',
  spanId: '',
  /** KeyValue messages. */
  attributes: new Spans(),
}

const reader = new Reader()

/** Reads an `Exemplar` (opentelemetry-proto, metrics/v1) into `exemplarView`; what does not parse ends it. */
export function readExemplar(bytes: Uint8Array, start: number, end: number): void {
  const view = exemplarView
  view.value = view.timeMs = view.attributes.count = 0
  view.traceId = view.spanId = ''
  reader.reset(bytes, start, end)
  while (reader.next()) {
    const { field, wire } = reader
    if (wire === WireType.fixed64) {
      if (field === 3) view.value = reader.double()
      else {
        reader.fixed64()
        if (field === 2) view.timeMs = (reader.hi * 2 ** 32 + reader.lo) / 1e6
        else if (field === 6) view.value = (reader.hi | 0) * 2 ** 32 + reader.lo
      }
    } else if (!reader.skip()) break
    else if (field === 5) view.traceId = idOf(bytes, reader, 16)
    else if (field === 4) view.spanId = idOf(bytes, reader, 8)
    else if (field === 7 && wire === WireType.bytes) view.attributes.add(reader.start, reader.stop)
  }
}

/** Anything else than an id of that size, other than zeros, is none. */
function idOf(bytes: Uint8Array, { start, stop }: Reader, size: number): string {
  const id = Buffer.from(bytes.buffer, bytes.byteOffset + start, stop - start)
  return id.length === size && id.some((byte) => byte !== 0) ? id.toString('hex') : ''
}
