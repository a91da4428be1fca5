/** How the messages of OTLP are described: one table for the gate, for JSON in and for JSON out. */

/** Protobuf types, each with what JSON makes of it (opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding"). */
export type FieldType =
  | 'string'
  | 'bytes'
  /** Bytes of 16 or 8, or none: hexadecimal in JSON. */
  | 'traceId'
  | 'spanId'
  | 'bool'
  | 'int32'
  | 'uint32'
  | 'sint32'
  | 'int64'
  | 'uint64'
  | 'fixed32'
  | 'fixed64'
  | 'sfixed64'
  | 'double'
  | 'enum'
  | 'message'

/** What the gate does at a field. Scalars are `Step.scalar` plus their wire type, repeated ones `Step.packed` plus it. */
export const Step = {
  unknown: 0,
  text: 1,
  bytes: 2,
  traceId: 3,
  spanId: 4,
  message: 5,
  /** A message that encloses records: gets a row in the groups of the index. */
  group: 6,
  /** A leaf record: a row of the index. */
  record: 7,
  attribute: 8,
  scalar: 0x10,
  packed: 0x20,
} as const

export interface FieldShape {
  readonly number: number
  /** As in JSON: `timeUnixNano`. */
  readonly name: string
  readonly type: FieldType
  readonly wire: number
  readonly repeated: boolean
  /** Has explicit presence: member of a oneof, or `optional`. Its zero is written. */
  readonly present: boolean
  /** Member of a oneof: only the last one counts. */
  readonly oneof: boolean
  /** JSON gets `{}` for it when it is not there, as from the Collector. */
  readonly always: boolean
  readonly message: MessageShape | undefined
  /** Names by number. */
  readonly values: readonly string[] | undefined
  readonly step: number
  /** `"timeUnixNano":` as JSON has it. */
  readonly quoted: Uint8Array
}

export interface MessageShape {
  /** `LogRecord`. */
  readonly name: string
  readonly byNumber: readonly (FieldShape | undefined)[]
  /** In the order of their numbers. */
  readonly fields: readonly FieldShape[]
  /** JSON names and those of the .proto file, by their length. */
  readonly keys: readonly (readonly Key[] | undefined)[]
  /** `Step` by field number, 32 of them. */
  readonly steps: Uint8Array
  /** The message was renumbered in 2022: field 1000 was what is field 2 now. */
  readonly legacy: boolean
}

/** What a field is called in JSON: its bytes. */
export interface Key {
  readonly text: Uint8Array
  readonly field: FieldShape
}

const wireTypes: Record<FieldType, number> = {
  string: 2,
  bytes: 2,
  traceId: 2,
  spanId: 2,
  message: 2,
  bool: 0,
  int32: 0,
  uint32: 0,
  sint32: 0,
  int64: 0,
  uint64: 0,
  enum: 0,
  fixed32: 5,
  fixed64: 1,
  sfixed64: 1,
  double: 1,
}

const steps: Partial<Record<FieldType, number>> = {
  string: Step.text,
  bytes: Step.bytes,
  traceId: Step.traceId,
  spanId: Step.spanId,
  message: Step.message,
}

export interface FieldOptions {
  repeated?: boolean
  present?: boolean
  oneof?: boolean
  always?: boolean
  values?: readonly string[]
  step?: number
}

/** One field. A message shape stands for the type `message`. */
export function field(
  number: number,
  name: string,
  type: Exclude<FieldType, 'message'> | MessageShape,
  options: FieldOptions = {},
): FieldShape {
  const { repeated = false, oneof = false, present = oneof, always = false, values } = options
  const message = typeof type === 'object' ? type : undefined
  const kind = typeof type === 'object' ? 'message' : type
  const wire = wireTypes[kind]
  const scalar = (repeated ? Step.packed : Step.scalar) + wire
  const step = options.step ?? steps[kind] ?? scalar
  const quoted = Buffer.from(`"${name}":`)
  return { number, name, type: kind, wire, repeated, present, oneof, always, message, values, step, quoted }
}

export const many = (
  number: number,
  name: string,
  type: Exclude<FieldType, 'message'> | MessageShape,
  step?: number,
): FieldShape => field(number, name, type, { repeated: true, ...(step !== undefined && { step }) })

export function message(name: string, fields: readonly FieldShape[], legacy = false): MessageShape {
  const shape = { name, legacy, byNumber: [], fields: [], keys: [], steps: new Uint8Array(32) }
  fill(shape, fields)
  return shape
}

/** Gives a shape its fields: apart from making it, for messages that hold themselves. */
export function fill(shape: MessageShape, fields: readonly FieldShape[]): void {
  const sorted = fields.toSorted((a, b) => a.number - b.number)
  ;(shape.fields as FieldShape[]).push(...sorted)
  for (const each of sorted) {
    ;(shape.byNumber as FieldShape[])[each.number] = each
    shape.steps[each.number] = each.step
    for (const name of new Set([each.name, snakeCase(each.name)])) {
      const keys = shape.keys as Key[][]
      keys[name.length] ??= []
      keys[name.length]!.push({ text: Buffer.from(name), field: each })
    }
  }
}

const snakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
