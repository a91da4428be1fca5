import { eachField } from './fields.ts'
import { type DebugMessage, type DebugRecord, type DeprecatedValue, newRecord } from './record.ts'

/** A loggregator.v2 Envelope (loggregator-api, v2/envelope.proto). */
export function readEnvelope(bytes: Buffer): DebugRecord {
  const record = newRecord()
  eachField(bytes, (field, value) => {
    if (field === 1) record.timestamp = value.int
    else if (field === 2) record.source = value.text
    else if (field === 8) record.instance = value.text
    else if (field === 3) addEntry(value.bytes, record.deprecatedTags, readDeprecated)
    else if (field === 9) addEntry(value.bytes, record.tags, (body) => body.toString())
    else record.message = readMessage(field, value.bytes) ?? record.message
  })
  return record
}

function addEntry<V>(bytes: Buffer, into: Map<string, V>, read: (value: Buffer) => V): void {
  let key = ''
  let body: Buffer = Buffer.alloc(0)
  eachField(bytes, (field, value) => {
    if (field === 1) key = value.text
    else if (field === 2) body = value.bytes
  })
  into.set(key, read(body))
}

function readDeprecated(bytes: Buffer): DeprecatedValue {
  let found: DeprecatedValue
  eachField(bytes, (field, value) => {
    if (field === 1) found = { text: value.text }
    else if (field === 2) found = { integer: value.int }
    else if (field === 3) found = { decimal: value.double }
  })
  return found
}

function readMessage(field: number, bytes: Buffer): DebugMessage | undefined {
  if (field === 4) return readLog(bytes)
  if (field === 5) return readCounter(bytes)
  if (field === 6) return readGauge(bytes)
  if (field === 7) return readTimer(bytes)
  return field === 10 ? readEvent(bytes) : undefined
}

function readLog(bytes: Buffer): DebugMessage {
  const log = { kind: 'log' as const, payload: Buffer.alloc(0) as Buffer, type: 0 }
  eachField(bytes, (field, value) => {
    if (field === 1) log.payload = value.bytes
    else if (field === 2) log.type = Number(BigInt.asIntN(32, value.uint))
  })
  return log
}

function readCounter(bytes: Buffer): DebugMessage {
  const counter = { kind: 'counter' as const, name: '', delta: 0n, total: 0n }
  eachField(bytes, (field, value) => {
    if (field === 1) counter.name = value.text
    else if (field === 2) counter.delta = value.uint
    else if (field === 3) counter.total = value.uint
  })
  return counter
}

function readGauge(bytes: Buffer): DebugMessage {
  const metrics = new Map<string, { unit: string; value: number }>()
  eachField(bytes, (field, value) => {
    if (field === 1) addEntry(value.bytes, metrics, readMetric)
  })
  return { kind: 'gauge', metrics }
}

function readMetric(bytes: Buffer): { unit: string; value: number } {
  const metric = { unit: '', value: 0 }
  eachField(bytes, (field, value) => {
    if (field === 1) metric.unit = value.text
    else if (field === 2) metric.value = value.double
  })
  return metric
}

function readTimer(bytes: Buffer): DebugMessage {
  const timer = { kind: 'timer' as const, name: '', start: 0n, stop: 0n }
  eachField(bytes, (field, value) => {
    if (field === 1) timer.name = value.text
    else if (field === 2) timer.start = value.int
    else if (field === 3) timer.stop = value.int
  })
  return timer
}

function readEvent(bytes: Buffer): DebugMessage {
  const event = { kind: 'event' as const, title: '', body: '' }
  eachField(bytes, (field, value) => {
    if (field === 1) event.title = value.text
    else if (field === 2) event.body = value.text
  })
  return event
}
