import { double, field, int, type Part, varint } from '../../telemetry/testing/encode.ts'
import { fieldsOf } from '../../telemetry/testing/strict-decoder.ts'

/** Requests of OTLP for tests, written and read the plain way. */
export const fixed64 = (number: number, value: bigint) => {
  const body = Buffer.alloc(8)
  body.writeBigUInt64LE(value)
  return Buffer.concat([varint((number << 3) | 1), body])
}
export const fixed32 = (number: number, value: number) => {
  const body = Buffer.alloc(4)
  body.writeUInt32LE(value)
  return Buffer.concat([varint((number << 3) | 5), body])
}

export type Plain = string | number | bigint | boolean | null | Buffer | Plain[] | { [key: string]: Plain }

/** An AnyValue: numbers are doubles, bigints integers. */
export function any(value: Plain): Buffer {
  if (value === null) return Buffer.alloc(0)
  if (typeof value === 'string') return field(1, value)
  if (typeof value === 'boolean') return int(2, value ? 1 : 0)
  if (typeof value === 'bigint') return int(3, value)
  if (typeof value === 'number') return double(4, value)
  if (Buffer.isBuffer(value)) return field(7, value)
  if (Array.isArray(value))
    return field(
      5,
      value.map((each) => field(1, any(each))),
    )
  return field(6, entries(1, value as Record<string, Plain>))
}

export const entries = (number: number, values: Record<string, Plain>): Part =>
  Object.entries(values).map(([key, value]) => field(number, [field(1, key), field(2, any(value))]))

export function plainAny(bytes: Buffer): Plain {
  const last = fieldsOf(bytes).at(-1)
  if (!last) return null
  const { field: number, value } = last
  if (number === 1) return (value as Buffer).toString()
  if (number === 2) return value === 1n
  if (number === 3) return BigInt.asIntN(64, value as bigint)
  if (number === 4) return (value as Buffer).readDoubleLE()
  if (number === 5) return fieldsOf(value as Buffer).map((each) => plainAny(each.value as Buffer))
  return number === 6 ? plainEntries(value as Buffer, 1) : (value as Buffer)
}

/** The entries of a message's field, as an object. */
export function plainEntries(bytes: Buffer, number: number): { [key: string]: Plain } {
  const out: { [key: string]: Plain } = {}
  for (const { field: each, value } of fieldsOf(bytes)) {
    if (each !== number) continue
    const parts = fieldsOf(value as Buffer)
    const part = (of: number) => parts.findLast((one) => one.field === of)?.value as Buffer | undefined
    out[String(part(1) ?? '')] = plainAny(part(2) ?? Buffer.alloc(0))
  }
  return out
}

/** The body of the last field at the end of a way of field numbers: `at(request, 1, 2, 2)` is a log record. */
export const at = (bytes: Buffer, ...way: number[]): Buffer =>
  way.reduce(
    (body, number) => (fieldsOf(body).findLast((each) => each.field === number)?.value ?? Buffer.alloc(0)) as Buffer,
    bytes,
  )

export const numberAt = (bytes: Buffer, number: number): bigint | Buffer | undefined =>
  fieldsOf(bytes).findLast((each) => each.field === number)?.value

export const resource = (values: Record<string, Plain>) => field(1, [entries(1, values)])
export const scope = (name: string, version = '1') => field(1, [field(1, name), field(2, version)])

export const logRequest = (...records: Part[]) =>
  field(1, [resource({ 'service.name': 'shop' }), field(2, [scope('lib'), ...records.map((each) => field(2, each))])])
export const traceRequest = (...spans: Part[]) =>
  field(1, [resource({ 'service.name': 'shop' }), field(2, [scope('lib'), ...spans.map((each) => field(2, each))])])
/** Metrics, each the fields of one. */
export const metricRequest = (...metrics: Part[]) =>
  field(1, [resource({ 'service.name': 'shop' }), field(2, [scope('lib'), ...metrics.map((each) => field(2, each))])])
