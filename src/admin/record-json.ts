import type { DebugMessage, DebugRecord } from '../printing/record.ts'
import { isSecretName, mask, maskSecrets } from '../runtime/mask-secrets.ts'
import type { Format } from '../telemetry/format.ts'

/** A record as it is shown to people and programs, secrets masked. Integers of 64 bits are decimal text. */
export interface ShownRecord {
  readonly format: Format
  /** Nanoseconds since 1970. */
  readonly timestamp: string
  readonly source_id: string
  readonly instance_id: string
  readonly tags: Readonly<Record<string, string>>
  readonly message: ShownMessage | null
}

export type ShownMessage =
  | { readonly kind: 'log'; readonly text: string; readonly stream: 'OUT' | 'ERR' }
  | { readonly kind: 'counter'; readonly name: string; readonly delta: string; readonly total: string }
  | { readonly kind: 'gauge'; readonly metrics: Readonly<Record<string, { value: number | string; unit: string }>> }
  | { readonly kind: 'timer'; readonly name: string; readonly start: string; readonly stop: string }
  | { readonly kind: 'event'; readonly title: string; readonly body: string }

/** Bytes of a text that are shown; what is beyond is cut. */
export const mostTextBytes = 8192

export function shownRecord(record: DebugRecord, format: Format): ShownRecord {
  const deprecated = [...record.deprecatedTags].map(([key, value]) => [
    key,
    value ? String(Object.values(value)[0]) : '',
  ])
  const all = [...deprecated, ...record.tags] as [string, string][]
  return {
    format,
    timestamp: String(record.timestamp),
    source_id: shown(record.source),
    instance_id: shown(record.instance),
    // Later ones win, and no key is special.
    tags: Object.fromEntries(all.map(([key, value]) => [shown(key), shownTag(key, value)])),
    message: record.message ? shownMessage(record.message) : null,
  }
}

function shownMessage(message: DebugMessage): ShownMessage {
  switch (message.kind) {
    case 'log':
      return { kind: 'log', text: shownBytes(message.payload), stream: message.type === 1 ? 'ERR' : 'OUT' }
    case 'counter':
      return { kind: 'counter', name: shown(message.name), delta: String(message.delta), total: String(message.total) }
    case 'gauge':
      return { kind: 'gauge', metrics: Object.fromEntries([...message.metrics].map(shownMetric)) }
    case 'timer':
      return { kind: 'timer', name: shown(message.name), start: String(message.start), stop: String(message.stop) }
    case 'event':
      return { kind: 'event', title: shown(message.title), body: shown(message.body) }
  }
}

/** JSON has no number that is none. */
const shownMetric = ([name, { unit, value }]: [string, { unit: string; value: number }]) =>
  [shown(name), { value: Number.isFinite(value) ? value : String(value), unit: shown(unit) }] as const

const shownTag = (key: string, value: string) => (isSecretName(key) ? mask : shown(value))

const shown = (text: string) =>
  maskSecrets(text.length > mostTextBytes ? `${text.slice(0, mostTextBytes)}...` : text).toWellFormed()

function shownBytes(bytes: Buffer): string {
  if (bytes.length <= mostTextBytes) return maskSecrets(bytes.toString())
  return maskSecrets(`${bytes.subarray(0, mostTextBytes).toString()}...`)
}

/** The record again, to be printed in columns. */
export function printedRecord({ timestamp, source_id, instance_id, tags, message }: ShownRecord): DebugRecord {
  return {
    timestamp: BigInt(timestamp),
    source: source_id,
    instance: instance_id,
    deprecatedTags: new Map(),
    tags: new Map(Object.entries(tags)),
    message: message ? printedMessage(message) : undefined,
  }
}

function printedMessage(message: ShownMessage): DebugMessage {
  switch (message.kind) {
    case 'log':
      return { kind: 'log', payload: Buffer.from(message.text), type: message.stream === 'ERR' ? 1 : 0 }
    case 'counter':
      return { ...message, delta: BigInt(message.delta), total: BigInt(message.total) }
    case 'gauge': {
      const metrics = Object.entries(message.metrics)
      return {
        kind: 'gauge',
        metrics: new Map(metrics.map(([name, { value, unit }]) => [name, { value: Number(value), unit }])),
      }
    }
    case 'timer':
      return { ...message, start: BigInt(message.start), stop: BigInt(message.stop) }
    case 'event':
      return message
  }
}
