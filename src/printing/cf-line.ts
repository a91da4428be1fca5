import type { DebugMessage, DebugRecord, DeprecatedValue } from './record.ts'
import { safeText } from './safe-text.ts'

/** Colours of the terminal, or none. */
export interface Paint {
  dim(text: string): string
  name(text: string): string
  kind(text: string): string
  bad(text: string): string
}

const none = (text: string) => text
const sgr = (code: number) => (text: string) => `\u001b[${code}m${text}\u001b[0m`
export const plainPaint: Paint = { dim: none, name: none, kind: none, bad: none }
export const colourPaint: Paint = { dim: sgr(2), name: sgr(36), kind: sgr(33), bad: sgr(31) }

/**
 * A record in the columns of `cf logs`: `   2026-11-21T03:04:05.12+0100 [APP/PROC/WEB/0] OUT text`. Metrics and events
 * have the words of `cf tail` in the last column.
 */
export function cfLine(record: DebugRecord, paint: Paint): string {
  const { message } = record
  const log = message?.kind === 'log'
  const source = (log && (record.tags.get('source_type') ?? deprecatedText(record))) || record.source
  const where = `[${safeText(`${source}/${record.instance}`)}]`
  const stamp = localStamp(Number(record.timestamp / 1_000_000n))
  return `   ${paint.dim(stamp)} ${paint.name(where)} ${messageText(message, paint)}`
}

/** The second line of a record: source id, instance, every tag. */
export function tagLine(record: DebugRecord, paint: Paint): string {
  const tags = [...record.tags]
  for (const [key, value] of record.deprecatedTags) if (!record.tags.has(key)) tags.push([key, valueText(value)])
  const parts = [`source_id=${record.source}`, `instance_id=${record.instance}`]
  for (const [key, value] of tags) if (key !== 'source_id' && key !== 'instance_id') parts.push(`${key}=${value}`)
  return `      ${paint.dim(parts.map(quoted).join(' '))}`
}

const quoted = (part: string) => {
  const text = safeText(part)
  return /[\s"]/.test(text) ? JSON.stringify(text).replaceAll('\\\\', '\\') : text
}

const deprecatedText = ({ deprecatedTags }: DebugRecord) => valueText(deprecatedTags.get('source_type'))

function valueText(value: DeprecatedValue): string {
  if (!value) return ''
  return 'text' in value ? value.text : String('integer' in value ? value.integer : value.decimal)
}

/** What a record says: `OUT text`, `COUNTER name:7`. */
export const messageWords = (message: DebugMessage | undefined): string => messageText(message, plainPaint)

function messageText(message: DebugMessage | undefined, paint: Paint): string {
  if (!message) return paint.kind('(no message)')
  switch (message.kind) {
    case 'log': {
      const text = safeText(message.payload.toString().replace(/[\r\n]+$/, ''))
      return message.type === 1 ? paint.bad(`ERR ${text}`) : `OUT ${text}`
    }
    case 'counter':
      return `${paint.kind('COUNTER')} ${safeText(message.name)}:${message.total}`
    case 'gauge':
      return `${paint.kind('GAUGE')} ${gaugeText(message.metrics)}`
    case 'timer':
      return `${paint.kind('TIMER')} ${safeText(message.name)} ${millis(message.stop - message.start)} ms`
    case 'event':
      return `${paint.kind('EVENT')} ${safeText(`${message.title}:${message.body}`)}`
  }
}

function gaugeText(metrics: Map<string, { unit: string; value: number }>): string {
  const parts = [...metrics].map(([name, { unit, value }]) => `${name}:${value}${unit && ` ${unit}`}`)
  return safeText(parts.join(' '))
}

const millis = (nanos: bigint) => String(Number(nanos) / 1e6)

const two = (value: number) => String(value).padStart(2, '0')

/** `2026-11-21T03:04:05.12+0100`, local time; the milliseconds are cut. */
export function localStamp(millis: number): string {
  const at = new Date(millis)
  if (Number.isNaN(at.getTime())) return '(no such time)'
  const day = `${String(at.getFullYear()).padStart(4, '0')}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
  return `${day}T${time}.${two(Math.floor(at.getMilliseconds() / 10))}${zone(-at.getTimezoneOffset())}`
}

const zone = (minutes: number) => {
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60]
  return `${minutes < 0 ? '-' : '+'}${two(hours)}${two(rest)}`
}
