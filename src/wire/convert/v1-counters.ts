import { type BackwardWriter, Reader } from '../protobuf.ts'
import { FieldView, fields } from './field-view.ts'
import type { TagTable } from './tag-table.ts'
import { EventType } from './v1-names.ts'
import { V1Field, V1View } from './v1-view.ts'

/** What identifies a v1 counter and what it counts. Spans are over the bytes given; halves are unsigned. */
export interface V1Counter {
  nameStart: number
  nameEnd: number
  originStart: number
  originEnd: number
  tags: TagTable
  deltaLo: number
  deltaHi: number
  totalLo: number
  totalHi: number
}

const view = new V1View()
const body = new FieldView()
const counterField = 10

/** A counter to hand to `readV1Counter`; make one and reuse it. Its tag table is shared: use it before the next read. */
export function newV1Counter(): V1Counter {
  return {
    nameStart: 0,
    nameEnd: 0,
    originStart: 0,
    originEnd: 0,
    tags: view.tags,
    deltaLo: 0,
    deltaHi: 0,
    totalLo: 0,
    totalHi: 0,
  }
}

/** Reads a v1 envelope that is a CounterEvent; false when it is another event or does not parse. */
export function readV1Counter(bytes: Uint8Array, start: number, end: number, counter: V1Counter): boolean {
  if (!view.read(bytes, start, end) || view.eventType !== EventType.counter || !view.has(counterField)) return false
  if (!body.read(bytes, view.start(counterField), view.end(counterField), fields(2, 3), 0, fields(1))) return false
  counter.nameStart = body.start(1)
  counter.nameEnd = body.end(1)
  counter.originStart = view.start(V1Field.origin)
  counter.originEnd = view.end(V1Field.origin)
  counter.deltaLo = body.lo(2)
  counter.deltaHi = body.hi(2)
  counter.totalLo = body.lo(3)
  counter.totalHi = body.hi(3)
  return true
}

const reader = new Reader()

/**
 * Writes a v1 counter as field 1 of a list, with another total: the counter's name, delta and new total, all other
 * fields as they came. The bytes must have passed `readV1Counter`.
 */
export function writeV1CounterTotal(
  bytes: Uint8Array,
  start: number,
  end: number,
  totalLo: number,
  totalHi: number,
  out: BackwardWriter,
): void {
  const mark = out.length
  let from = start
  let to = start
  // The last CounterEvent is the one that was read.
  reader.reset(bytes, start, end)
  for (let frame = start; reader.next() && reader.skip(); frame = reader.pos) {
    if (reader.field !== counterField || reader.wire !== 2) continue
    from = frame
    to = reader.pos
    body.read(bytes, reader.start, reader.stop, fields(2), 0, fields(1))
  }
  out.raw(bytes, to, end)
  const inner = out.length
  out.varint64(totalLo, totalHi)
  out.tag(3, 0)
  out.varint64(body.lo(2), body.hi(2))
  out.tag(2, 0)
  out.bytesField(1, bytes, body.start(1), body.end(1))
  out.message(counterField, inner)
  out.raw(bytes, start, from)
  out.message(1, mark)
}
