import { AnyView, anyText } from '../convert/any-value.ts'
import { entry, readEntry } from '../convert/map-entry.ts'
import { ForwardWriter } from '../forward-writer.ts'
import { Reader, WireType } from '../protobuf.ts'
import { textOf } from '../utf8.ts'
import { labelName } from './metric-name.ts'
import type { PointView } from './point-view.ts'
import { encodeLabels } from './remote-lines.ts'

/** An exemplar as field `exemplars` (3) of a TimeSeries. */
export interface RemoteExemplar {
  readonly value: number
  readonly field: Buffer
}

/** Most characters of all labels of an exemplar together (OpenMetrics 1.0). */
const mostCharacters = 128

const reader = new Reader()
const any = new AnyView()

/** Exemplars of the point at hand: trace and span as labels, and its attributes where all of them have room. */
export function remoteExemplars({ bytes, exemplars, timeMs }: PointView): RemoteExemplar[] {
  return Array.from({ length: exemplars.count }, (_, i) =>
    remoteExemplar(bytes, exemplars.start(i), exemplars.end(i), timeMs),
  )
}

/** Fields of those whose values are above `above`, and at most `upTo`. */
export function exemplarsWithin(all: readonly RemoteExemplar[], above: number, upTo: number): Buffer {
  return Buffer.concat(all.filter(({ value }) => value > above && value <= upTo).map(({ field }) => field))
}

function remoteExemplar(bytes: Uint8Array, start: number, end: number, pointMs: number): RemoteExemplar {
  let value = 0
  let timeMs = pointMs
  const ids: [string, string][] = []
  const attributes: [string, string][] = []
  reader.reset(bytes, start, end)
  while (reader.next()) {
    const { field, wire } = reader
    if (wire === WireType.fixed64) {
      if (field === 3) value = reader.double()
      else {
        reader.fixed64()
        if (field === 6) value = (reader.hi | 0) * 2 ** 32 + reader.lo
        else if (field === 2) timeMs = Math.floor((reader.hi * 2 ** 32 + reader.lo) / 1e6) || pointMs
      }
    } else if (!reader.skip()) break
    else if (field === 5) addId(ids, 'trace_id', bytes, reader, 16)
    else if (field === 4) addId(ids, 'span_id', bytes, reader, 8)
    else if (field === 7) addAttribute(attributes, bytes, reader)
  }
  const all = [...attributes, ...ids]
  const characters = all.reduce((sum, [name, text]) => sum + [...name, ...text].length, 0)
  return { value, field: encode(characters > mostCharacters ? ids : [...new Map(all)], value, timeMs) }
}

function addId(ids: [string, string][], name: string, bytes: Uint8Array, { start, stop }: Reader, size: number): void {
  const id = Buffer.from(bytes.subarray(start, stop))
  if (id.length === size && id.some((byte) => byte !== 0)) ids.push([name, id.toString('hex')])
}

function addAttribute(attributes: [string, string][], bytes: Uint8Array, { start, stop }: Reader): void {
  if (!readEntry(bytes, start, stop)) return
  const name = labelName(textOf(bytes, entry.keyStart, entry.keyEnd))
  if (name !== '' && any.read(bytes, entry.valueStart, entry.valueEnd)) attributes.push([name, anyText(bytes, any)])
}

/** `{1 labels, 2 value, 3 milliseconds}`. */
function encode(labels: [string, string][], value: number, timeMs: number): Buffer {
  const body = new ForwardWriter(256)
  body.raw(encodeLabels(labels))
  body.byte(0x11)
  body.double(value)
  body.byte(0x18)
  body.varint(timeMs)
  const field = new ForwardWriter(body.pos + 8)
  field.byte(0x1a)
  field.varint(body.pos)
  field.raw(body.view())
  return field.take()
}
