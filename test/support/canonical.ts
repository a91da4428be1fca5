import type { Message } from './decode.ts'

/** One line per message that is equal exactly when the messages are: keys sorted, no zero values, numbers told apart. */
export function canonical(value: unknown): string {
  return JSON.stringify(plain(value))
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : Number.isFinite(value) ? value : String(value)
  if (Buffer.isBuffer(value)) return `hex:${value.toString('hex')}`
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(
    ([key, inner]) => !isZero(inner) && !(inner === '' && plainTexts.has(key)),
  )
  return Object.fromEntries(
    entries.map(([key, inner]) => [key, plain(inner)] as const).sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

/** Fields of text whose empty value is the same as none; elsewhere (tags, values) it is not. */
const plainTexts = new Set([
  'name',
  'key',
  'unit',
  'description',
  'severityText',
  'source_id',
  'instance_id',
  'body',
  'title',
])

const isZero = (value: unknown) =>
  value === 0n || Object.is(value, 0) || value === false || (Buffer.isBuffer(value) && value.length === 0)

/** An envelope with only the last of its messages, which is the one that counts (protobuf, oneof). */
export function lastOfOneof(envelope: Message): Message {
  const kinds = Object.keys(envelope).filter((key) => ['log', 'counter', 'gauge', 'timer', 'event'].includes(key))
  const lost = new Set(kinds.slice(0, -1))
  return Object.fromEntries(Object.entries(envelope).filter(([key]) => !lost.has(key)))
}

/** An OTLP record with its attributes in the order of their keys and without the time at which it was observed. */
export function canonicalOtlp(record: Message): string {
  const { observedTimeUnixNano: _, ...rest } = record
  return canonical(sorted(rest))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      if (key !== 'attributes') return [key, sorted(inner)]
      return [key, [...(inner as Message[])].sort((a, b) => ((a.key ?? '') < (b.key ?? '') ? -1 : 1))]
    }),
  )
}
