import { AnyView, anyText } from '../convert/any-value.ts'
import { entry, readEntry } from '../convert/map-entry.ts'
import { ForwardWriter } from '../forward-writer.ts'
import { textOf } from '../utf8.ts'
import { exemplarView, readExemplar } from './exemplar-view.ts'
import { labelName } from './metric-name.ts'
import type { PointView, Spans } from './point-view.ts'
import { encodeLabels } from './remote-lines.ts'

/** An exemplar as field `exemplars` (3) of a TimeSeries. */
export interface RemoteExemplar {
  readonly value: number
  readonly field: Buffer
}

/** Most characters of all labels of an exemplar together (OpenMetrics 1.0). */
const mostCharacters = 128

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
  readExemplar(bytes, start, end)
  const { value, timeMs, traceId, spanId, attributes } = exemplarView
  const ids = [
    ['trace_id', traceId],
    ['span_id', spanId],
  ].filter(([, id]) => id !== '') as [string, string][]
  const all = new Map([...attributesOf(bytes, attributes), ...ids])
  const characters = [...all].reduce((sum, [name, text]) => sum + [...name, ...text].length, 0)
  return { value, field: encode(characters > mostCharacters ? ids : [...all], value, Math.floor(timeMs) || pointMs) }
}

function attributesOf(bytes: Uint8Array, attributes: Spans): [string, string][] {
  const found: [string, string][] = []
  for (let i = 0; i < attributes.count; i++) {
    if (!readEntry(bytes, attributes.start(i), attributes.end(i))) continue
    const name = labelName(textOf(bytes, entry.keyStart, entry.keyEnd))
    if (name !== '' && any.read(bytes, entry.valueStart, entry.valueEnd)) found.push([name, anyText(bytes, any)])
  }
  return found
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
