/**
 * A protobuf decoder for tests: independent of the code it checks, slow, and as strict as the strictest decoder in the
 * field. Throws on anything that one would refuse.
 */
export interface DecodedField {
  field: number
  wire: number
  value: bigint | Buffer
}

export function fieldsOf(bytes: Buffer): DecodedField[] {
  const list: DecodedField[] = []
  let pos = 0
  const varint = () => {
    let value = 0n
    for (let i = 0; ; i++) {
      if (pos >= bytes.length) throw new Error('cut off inside a varint')
      const byte = bytes[pos++]!
      if (i === 9 && byte > 1) throw new Error('varint of more than 64 bits')
      value |= BigInt(byte & 0x7f) << BigInt(7 * i)
      if (byte < 0x80) return value
    }
  }
  const take = (size: number) => {
    if (size > bytes.length - pos) throw new Error('cut off inside a field')
    pos += size
    return bytes.subarray(pos - size, pos)
  }
  while (pos < bytes.length) {
    const tag = varint()
    const field = Number(tag >> 3n)
    const wire = Number(tag & 7n)
    if (field < 1 || field > 536870911) throw new Error(`field number ${field}`)
    if (wire === 0) list.push({ field, wire, value: varint() })
    else if (wire === 1) list.push({ field, wire, value: take(8) })
    else if (wire === 5) list.push({ field, wire, value: take(4) })
    else if (wire === 2) list.push({ field, wire, value: take(Number(varint())) })
    else throw new Error(`wire type ${wire}`)
  }
  return list
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const text = (bytes: bigint | Buffer) => strict.decode(bytes as Buffer)

export interface DecodedEnvelope {
  timestamp: bigint
  sourceId: string
  instanceId: string
  deprecated: Record<string, string>
  tags: Record<string, string>
  /** The message: its kind and its fields, each as text. */
  kind: string
  message: unknown
  /** Fields no one knows, in order. */
  unknown: string[]
}

const kinds: Record<number, string> = { 4: 'log', 5: 'counter', 6: 'gauge', 7: 'timer', 10: 'event' }
const strings: Record<string, number[]> = { log: [], counter: [1], timer: [1], event: [1, 2] }

export function decodeEnvelope(bytes: Buffer): DecodedEnvelope {
  const out: DecodedEnvelope = {
    timestamp: 0n,
    sourceId: '',
    instanceId: '',
    deprecated: {},
    tags: {},
    kind: 'none',
    message: undefined,
    unknown: [],
  }
  for (const { field, wire, value } of fieldsOf(bytes)) {
    if (field === 1 && wire === 0) out.timestamp = BigInt.asIntN(64, value as bigint)
    else if (field === 2 && wire === 2) out.sourceId = text(value)
    else if (field === 8 && wire === 2) out.instanceId = text(value)
    else if (field === 9 && wire === 2) {
      const [key, entry] = entryOf(value as Buffer, text)
      out.tags[key] = entry
    } else if (field === 3 && wire === 2) {
      const [key, entry] = entryOf(value as Buffer, valueText)
      out.deprecated[key] = entry
    } else if (kinds[field] && wire === 2) {
      out.kind = kinds[field]
      out.message = field === 6 ? gauge(value as Buffer) : plain(value as Buffer, strings[out.kind]!)
    } else out.unknown.push(`${field}/${wire}=${String(value)}`)
  }
  return out
}

/** The last key and value count; those before them must parse as well. */
function entryOf(bytes: Buffer, read: (value: Buffer) => string): [string, string] {
  let key = ''
  let value = read(Buffer.alloc(0))
  for (const part of fieldsOf(bytes)) {
    if (part.field === 1 && part.wire === 2) key = text(part.value)
    if (part.field === 2 && part.wire === 2) value = read(part.value as Buffer)
  }
  return [key, value]
}

function valueText(bytes: Buffer): string {
  let out = 'unset'
  for (const { field, wire, value } of fieldsOf(bytes)) {
    if (field === 1 && wire === 2) out = `text ${text(value)}`
    if (field === 2 && wire === 0) out = `integer ${BigInt.asIntN(64, value as bigint)}`
    if (field === 3 && wire === 1) out = `decimal ${(value as Buffer).toString('hex')}`
  }
  return out
}

function plain(bytes: Buffer, texts: number[]): Record<number, string> {
  const out: Record<number, string> = {}
  for (const { field, wire, value } of fieldsOf(bytes)) {
    out[field] = wire === 2 ? (texts.includes(field) ? text(value) : (value as Buffer).toString('hex')) : String(value)
  }
  // proto3 numbers that are 0 may stand on the wire or not.
  for (const [field, value] of Object.entries(out)) if (value === '0') delete out[Number(field)]
  return out
}

function gauge(bytes: Buffer): Record<string, string> {
  const out: Record<string, string> = {}
  for (const { field, wire, value } of fieldsOf(bytes)) {
    if (field !== 1 || wire !== 2) continue
    const [key, metric] = entryOf(value as Buffer, metricText)
    out[key] = metric
  }
  return out
}

function metricText(bytes: Buffer): string {
  let unit = ''
  let number: string | undefined
  for (const { field, wire, value } of fieldsOf(bytes)) {
    if (field === 1 && wire === 2) unit = text(value)
    if (field === 2 && wire === 1) number = (value as Buffer).toString('hex')
  }
  return `${number} ${unit}`
}

/** The envelopes of an EnvelopeBatch. */
export function decodeBatch(bytes: Buffer): DecodedEnvelope[] {
  return fieldsOf(bytes)
    .filter((part) => part.field === 1 && part.wire === 2)
    .map((part) => decodeEnvelope(part.value as Buffer))
}
