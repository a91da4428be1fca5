/** Decodes gauge and counter envelopes into the protobuf JSON shape that recorded cases use. */
import { Reader, uint64Text } from '../../src/wire/protobuf.ts'

export interface DecodedEnvelope {
  timestamp: string
  source_id?: string
  instance_id?: string
  tags?: Record<string, string>
  gauge?: { metrics: Record<string, { unit?: string; value?: number | string }> }
  counter?: { name?: string; delta?: string; total?: string }
}

/** An EnvelopeBatch's elements. Throws on bytes that are not protobuf: tests want to know. */
export function decodeEnvelopes(bytes: Uint8Array): DecodedEnvelope[] {
  const found: DecodedEnvelope[] = []
  each(bytes, (field, value) => {
    if (field !== 1 || !(value instanceof Uint8Array)) throw new Error(`unexpected field ${field} in a batch`)
    found.push(decodeEnvelope(value))
  })
  return found
}

type Value = Uint8Array | { lo: number; hi: number }

function each(bytes: Uint8Array, take: (field: number, value: Value) => void): void {
  const reader = new Reader(bytes)
  while (reader.next()) {
    const { field, wire } = reader
    if (wire === 2 && reader.span()) take(field, bytes.subarray(reader.start, reader.stop))
    else if (wire === 0 || wire === 1) {
      if (wire === 0) reader.varint64()
      else reader.fixed64()
      take(field, { lo: reader.lo, hi: reader.hi })
    }
  }
  if (!reader.ok) throw new Error('malformed protobuf')
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const textOf = (value: Value) => utf8.decode(value as Uint8Array)
const uintOf = (value: Value) => uint64Text((value as { lo: number }).lo, (value as { hi: number }).hi)

function doubleOf(value: Value): number | string {
  const { lo, hi } = value as { lo: number; hi: number }
  const view = new DataView(new ArrayBuffer(8))
  view.setUint32(0, lo, true)
  view.setUint32(4, hi, true)
  const number = view.getFloat64(0, true)
  return Number.isFinite(number) ? number : String(number)
}

function decodeEnvelope(bytes: Uint8Array): DecodedEnvelope {
  const envelope: DecodedEnvelope = { timestamp: '0' }
  each(bytes, (field, value) => {
    if (field === 1) envelope.timestamp = uintOf(value)
    else if (field === 2) envelope.source_id = textOf(value)
    else if (field === 8) envelope.instance_id = textOf(value)
    else if (field === 9) {
      const [key, tag] = entryOf(value as Uint8Array)
      envelope.tags ??= {}
      if (Object.hasOwn(envelope.tags, key)) throw new Error(`tag ${key} is written twice`)
      envelope.tags[key] = textOf(tag)
    } else if (field === 5) envelope.counter = decodeCounter(value as Uint8Array)
    else if (field === 6) envelope.gauge = decodeGauge(value as Uint8Array)
    else throw new Error(`unexpected field ${field} in an envelope`)
  })
  return envelope
}

function entryOf(bytes: Uint8Array): [key: string, value: Value] {
  let key = ''
  let found: Value = new Uint8Array(0)
  each(bytes, (field, value) => {
    if (field === 1) key = textOf(value)
    else found = value
  })
  return [key, found]
}

function decodeCounter(bytes: Uint8Array) {
  const counter: { name?: string; delta?: string; total?: string } = {}
  each(bytes, (field, value) => {
    if (field === 1) counter.name = textOf(value)
    else if (uintOf(value) !== '0') counter[field === 2 ? 'delta' : 'total'] = uintOf(value)
  })
  return counter
}

function decodeGauge(bytes: Uint8Array) {
  const metrics: Record<string, { unit?: string; value?: number | string }> = {}
  each(bytes, (_, entry) => {
    const [name, body] = entryOf(entry as Uint8Array)
    const metric: { unit?: string; value?: number | string } = {}
    each(body as Uint8Array, (field, value) => {
      if (field === 1) metric.unit = textOf(value)
      else if (doubleOf(value) !== 0 || Object.is(doubleOf(value), -0)) metric.value = doubleOf(value)
    })
    metrics[name] = metric
  })
  return { metrics }
}
