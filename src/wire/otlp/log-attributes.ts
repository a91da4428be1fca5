import { varintSize, writeVarint } from '../protobuf.ts'

/** Attributes of a log record, `{6 {1 key, 2 {1 text}}}`, encoded once: the fixed ones of a receiver, file or connection. */
export function encodeAttributes(attributes: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(Object.entries(attributes).map(([key, text]) => encodeAttribute(0x32, key, text)))
}

/** The field `resource` of ResourceLogs, `{1 {1 attributes}}`; nothing without attributes. */
export function encodeResource(attributes: Readonly<Record<string, string>>): Buffer {
  const body = Buffer.concat(Object.entries(attributes).map(([key, text]) => encodeAttribute(0x0a, key, text)))
  if (body.length === 0) return body
  const head = Buffer.alloc(1 + varintSize(body.length))
  head[0] = 0x0a
  writeVarint(head, 1, body.length)
  return Buffer.concat([head, body])
}

/** A KeyValue behind `tag`. */
function encodeAttribute(tag: number, name: string, text: string): Buffer {
  const key = Buffer.from(name)
  const value = Buffer.from(text)
  const to = Buffer.alloc(key.length + value.length + 40)
  const any = 1 + varintSize(value.length) + value.length
  to[0] = tag
  let at = writeVarint(to, 1, 1 + varintSize(key.length) + key.length + 1 + varintSize(any) + any)
  to[at] = 0x0a
  at = writeVarint(to, at + 1, key.length)
  at += key.copy(to, at)
  to[at] = 0x12
  at = writeVarint(to, at + 1, any)
  to[at] = 0x0a
  at = writeVarint(to, at + 1, value.length)
  return to.subarray(0, at + value.copy(to, at))
}
