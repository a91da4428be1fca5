import { eachField, type FieldValue } from './fields.ts'

/** Adds a KeyValue of opentelemetry-proto as text. */
export function addAttribute(bytes: Buffer, into: Map<string, string>): void {
  let key = ''
  let value = ''
  eachField(bytes, (field, part) => {
    if (field === 1) key = part.text
    else if (field === 2) value = anyValueText(part.bytes)
  })
  into.set(key, value)
}

/** An AnyValue as people read it: text as it is, lists and maps as JSON, bytes in base64. */
export function anyValueText(bytes: Buffer): string {
  const value = anyValue(bytes, 0)
  return typeof value === 'string' ? value : JSON.stringify(value)
}

type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

const deepest = 32

function anyValue(bytes: Buffer, depth: number): Json {
  if (depth > deepest) return '...'
  let found: Json = ''
  eachField(bytes, (field, value) => {
    found = oneValue(field, value, depth)
  })
  return found
}

/** Field numbers of AnyValue (opentelemetry-proto, common.proto). */
function oneValue(field: number, value: FieldValue, depth: number): Json {
  if (field === 1) return value.text
  if (field === 2) return value.uint !== 0n
  if (field === 3) return Number(value.int)
  if (field === 4) return value.double
  if (field === 5) return listValue(value.bytes, depth)
  if (field === 6) return mapValue(value.bytes, depth)
  return field === 7 ? value.bytes.toString('base64') : null
}

function listValue(bytes: Buffer, depth: number): Json[] {
  const list: Json[] = []
  eachField(bytes, (field, value) => {
    if (field === 1) list.push(anyValue(value.bytes, depth + 1))
  })
  return list
}

function mapValue(bytes: Buffer, depth: number): Json {
  const entries: [string, Json][] = []
  eachField(bytes, (field, entry) => {
    if (field !== 1) return
    let key = ''
    let inner: Json = null
    eachField(entry.bytes, (part, value) => {
      if (part === 1) key = value.text
      else if (part === 2) inner = anyValue(value.bytes, depth + 1)
    })
    entries.push([key, inner])
  })
  return Object.fromEntries(entries)
}
