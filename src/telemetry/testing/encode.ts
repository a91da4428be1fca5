/** Encoders for tests: plain and slow, independent of the code they check. */

export function varint(value: number | bigint): Buffer {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return Buffer.from([...bytes, Number(rest)])
}

export type Part = Buffer | readonly Part[]
const flat = (part: Part): Buffer => (Buffer.isBuffer(part) ? part : Buffer.concat(part.map(flat)))

/** A length-delimited field: text, bytes, or a message of parts. */
export function field(number: number, value: string | Part): Buffer {
  const body = typeof value === 'string' ? Buffer.from(value) : flat(value)
  return Buffer.concat([varint((number << 3) | 2), varint(body.length), body])
}

export const int = (number: number, value: number | bigint) => Buffer.concat([varint(number << 3), varint(value)])

export function double(number: number, value: number): Buffer {
  const body = Buffer.alloc(8)
  body.writeDoubleLE(value)
  return Buffer.concat([varint((number << 3) | 1), body])
}

export const entry = (number: number, key: string, value: string | Part) =>
  field(number, [field(1, key), field(2, value)])

export interface EnvelopeParts {
  timestamp?: number | bigint
  source?: string | Buffer
  instance?: string
  tags?: Readonly<Record<string, string | Buffer>>
  deprecated?: Readonly<Record<string, string | bigint | number | null>>
  log?: string | Buffer
  err?: boolean
  counter?: { name: string; delta?: number | bigint; total?: number | bigint }
  gauge?: Readonly<Record<string, number>>
  timer?: string
  event?: [title: string, body: string]
  extra?: Buffer
}

/** A v2 Envelope. Deprecated values: text, bigint for integer, number for decimal, null for unset. */
export function envelope(parts: EnvelopeParts = {}): Buffer {
  const {
    timestamp,
    source,
    instance,
    tags = {},
    deprecated = {},
    log,
    err,
    counter,
    gauge,
    timer,
    event,
    extra,
  } = parts
  const out: Buffer[] = []
  if (timestamp !== undefined) out.push(int(1, timestamp))
  if (source !== undefined) out.push(field(2, source))
  for (const [key, value] of Object.entries(deprecated)) {
    const data = typeof value === 'string' ? field(1, value) : typeof value === 'bigint' ? int(2, value) : undefined
    out.push(entry(3, key, value === null ? [] : (data ?? double(3, value as number))))
  }
  if (instance !== undefined) out.push(field(8, instance))
  for (const [key, value] of Object.entries(tags)) out.push(entry(9, key, value))
  if (log !== undefined) out.push(field(4, [field(1, log), ...(err ? [int(2, 1)] : [])]))
  if (counter) {
    const { name, delta, total } = counter
    out.push(
      field(5, [
        field(1, name),
        ...(delta === undefined ? [] : [int(2, delta)]),
        ...(total === undefined ? [] : [int(3, total)]),
      ]),
    )
  }
  if (gauge) {
    const metrics = Object.entries(gauge).map(([name, value]) => entry(1, name, [field(1, 'u'), double(2, value)]))
    out.push(field(6, metrics))
  }
  if (timer !== undefined) out.push(field(7, [field(1, timer), int(2, 5), int(3, 9)]))
  if (event) out.push(field(10, [field(1, event[0]), field(2, event[1])]))
  if (extra) out.push(extra)
  return Buffer.concat(out)
}

/** An EnvelopeBatch of encoded envelopes; also a list of v1 envelopes. */
export const batchOf = (...envelopes: readonly Buffer[]) => Buffer.concat(envelopes.map((each) => field(1, each)))

/** An envelope of about 417 bytes with ten tags, as a cell's log line has them. */
export function typicalEnvelope(n: number, parts: EnvelopeParts = {}): Buffer {
  return envelope({
    timestamp: 1760000000000000000n + BigInt(n),
    source: '8d1f9a52-6f0b-4d6c-9d5e-2f8a1b3c4d5e',
    instance: String(n % 8),
    tags: {
      app_id: '8d1f9a52-6f0b-4d6c-9d5e-2f8a1b3c4d5e',
      app_name: 'dora',
      space_name: 'development',
      organization_name: 'acme',
      process_type: 'web',
      source_type: 'APP/PROC/WEB',
      origin: 'rep',
      deployment: 'cf',
      job: 'diego-cell',
      index: '3f2a1c4e-0b9d-4f6e-8a7c-5d4e3f2a1b0c',
    },
    ...(Object.keys(parts).length > 0 ? parts : { log: `line ${n}: ${'x'.repeat(81)}` }),
  })
}
