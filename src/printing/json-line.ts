import type { DebugMessage, DebugRecord, DeprecatedValue } from './record.ts'
import { safeJson } from './safe-text.ts'

/**
 * An envelope as JSON on one line, as the gateways of Loggregator print it: 64-bit numbers as text, bytes in base64,
 * empty fields present, map keys sorted (protobuf's JSON mapping).
 */
export function jsonLine({ timestamp, source, instance, deprecatedTags, tags, message }: DebugRecord): string {
  const parts = [
    `"timestamp":"${timestamp}"`,
    `"source_id":${text(source)}`,
    `"instance_id":${text(instance)}`,
    `"deprecated_tags":${mapJson(deprecatedTags, deprecatedJson)}`,
    `"tags":${mapJson(tags, text)}`,
  ]
  if (message) parts.push(`"${message.kind}":${messageJson(message)}`)
  return safeJson(`{${parts.join(',')}}`)
}

const text = (value: string) => JSON.stringify(value.toWellFormed())

function messageJson(message: DebugMessage): string {
  switch (message.kind) {
    case 'log':
      return `{"payload":"${message.payload.toString('base64')}","type":${logType(message.type)}}`
    case 'counter':
      return `{"name":${text(message.name)},"delta":"${message.delta}","total":"${message.total}"}`
    case 'gauge':
      return `{"metrics":${mapJson(message.metrics, ({ unit, value }) => `{"unit":${text(unit)},"value":${double(value)}}`)}}`
    case 'timer':
      return `{"name":${text(message.name)},"start":"${message.start}","stop":"${message.stop}"}`
    case 'event':
      return `{"title":${text(message.title)},"body":${text(message.body)}}`
  }
}

const logType = (type: number) => (type === 0 ? '"OUT"' : type === 1 ? '"ERR"' : String(type))

function deprecatedJson(value: DeprecatedValue): string {
  if (!value) return '{}'
  if ('text' in value) return `{"text":${text(value.text)}}`
  return 'integer' in value ? `{"integer":"${value.integer}"}` : `{"decimal":${double(value.decimal)}}`
}

function double(value: number): string {
  if (Object.is(value, -0)) return '-0'
  return Number.isFinite(value) ? JSON.stringify(value) : `"${value}"`
}

function mapJson<V>(map: Map<string, V>, json: (value: V) => string): string {
  const keys = [...map.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  return `{${keys.map((key) => `${text(key)}:${json(map.get(key)!)}`).join(',')}}`
}
