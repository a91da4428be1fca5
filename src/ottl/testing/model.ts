import { field, varint } from '../../telemetry/testing/encode.ts'
import { fieldsOf } from '../../telemetry/testing/strict-decoder.ts'

/** A message decoded into objects, for tests: the plain way, to hold the fast one against. */
export interface Message {
  fields: { number: number; wire: number; value: bigint | Buffer | Message }[]
}

export const isMessage = (value: unknown): value is Message =>
  typeof value === 'object' && value !== null && 'fields' in value

/** Which fields are messages, at each depth of a request. */
export interface Shape {
  readonly [field: number]: Shape
}

const attributes: Shape = { 1: { 2: {} } }
const point = (number: number): Shape => ({ 1: { [number]: { 2: {} } } })
export const shapes = {
  logs: { 1: { 1: attributes, 2: { 1: { 3: { 2: {} } }, 2: { 6: { 2: {} } } } } },
  traces: { 1: { 1: attributes, 2: { 1: { 3: { 2: {} } }, 2: { 9: { 2: {} }, 11: { 3: { 2: {} } } } } } },
  metrics: {
    1: {
      1: attributes,
      2: { 1: { 3: { 2: {} } }, 2: { 5: point(7), 7: point(7), 9: point(9), 10: point(1), 11: point(7) } },
    },
  },
} satisfies Record<string, Shape>

export function decode(bytes: Buffer, shape: Shape): Message {
  const fields = fieldsOf(bytes).map(({ field: number, wire, value }) => {
    const inner = wire === 2 ? shape[number] : undefined
    return { number, wire, value: inner ? decode(value as Buffer, inner) : value }
  })
  return { fields }
}

export function encode({ fields }: Message): Buffer {
  return Buffer.concat(
    fields.map(({ number, wire, value }) => {
      if (isMessage(value)) return field(number, encode(value))
      if (wire === 2) return field(number, value as Buffer)
      const tag = varint((number << 3) | wire)
      return Buffer.concat([tag, wire === 0 ? varint(value as bigint) : (value as Buffer)])
    }),
  )
}

/** The messages `number` of a message. */
export const inner = (message: Message, number: number): Message[] =>
  message.fields.filter((each) => each.number === number && isMessage(each.value)).map((each) => each.value as Message)

const keyOf = (entry: Message) => String(entry.fields.findLast((each) => each.number === 1)?.value ?? '')

/** Entries of a map in a message, by key. */
export const entriesWith = (message: Message, number: number, key: string) =>
  message.fields.filter((each) => each.number === number && isMessage(each.value) && keyOf(each.value) === key)

/** Sets an attribute: in the place of the last of that key, or behind all fields. `value` is an AnyValue. */
export function setAttribute(message: Message, number: number, key: string, value: Buffer): void {
  const entry = decode(Buffer.concat([field(1, key), field(2, value)]), { 2: {} })
  const there = entriesWith(message, number, key)
  const last = there.at(-1)
  if (last) last.value = entry
  else message.fields.push({ number, wire: 2, value: entry })
  message.fields = message.fields.filter((each) => each === last || !there.includes(each))
}

export function removeAttributes(message: Message, number: number, goes: (key: string) => boolean): void {
  message.fields = message.fields.filter(
    (each) => each.number !== number || !isMessage(each.value) || !goes(keyOf(each.value)),
  )
}

/** The value of an attribute, as an AnyValue. */
export function attributeOf(message: Message, number: number, key: string): Buffer | undefined {
  const last = entriesWith(message, number, key).at(-1)
  return last && encode(inner(last.value as Message, 2).at(-1) ?? { fields: [] })
}
