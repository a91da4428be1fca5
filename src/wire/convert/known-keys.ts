/**
 * Keys that conversions treat apart, each with a number from 1 to 31, so that a set of them is one 32-bit mask.
 * Tag names of Loggregator v1 and v2, metric names of a container, and two OpenTelemetry resource attributes.
 */
export const Key = {
  origin: 1,
  deployment: 2,
  job: 3,
  index: 4,
  ip: 5,
  __v1_type: 6,
  source_id: 7,
  instance_id: 8,
  source_type: 9,
  source: 10,
  code: 11,
  request_id: 12,
  peer_type: 13,
  method: 14,
  uri: 15,
  remote_address: 16,
  user_agent: 17,
  status_code: 18,
  content_length: 19,
  routing_instance_id: 20,
  forwarded: 21,
  span_id: 22,
  trace_id: 23,
  cpu: 24,
  memory: 25,
  disk: 26,
  memory_quota: 27,
  disk_quota: 28,
  instance_index: 29,
  'service.name': 30,
  'service.instance.id': 31,
} as const
export type Key = (typeof Key)[keyof typeof Key]

/** The bytes of each key, by its number. */
export const keyBytes: readonly Buffer[] = [Buffer.alloc(0), ...Object.keys(Key).map((name) => Buffer.from(name))]

/** A mask with one bit for each key. */
export const keyMask = (...keys: Key[]): number => keys.reduce((mask, key) => mask | (1 << key), 0)

const byLength: number[][] = Array.from({ length: 32 }, () => [])
for (const code of Object.values(Key)) byLength[keyBytes[code]!.length]!.push(code)

/** The number of the key `bytes[start, end)`, or 0 for any other. */
export function knownKey(bytes: Uint8Array, start: number, end: number): number {
  const size = end - start
  if (size > 31) return 0
  const candidates = byLength[size]!
  const first = bytes[start]
  for (let i = 0; i < candidates.length; i++) {
    const code = candidates[i]!
    const name = keyBytes[code]!
    if (name[0] === first && spanEquals(bytes, start, end, name)) return code
  }
  return 0
}

/** Whether `bytes[start, end)` equals the whole of `other`. */
export function spanEquals(bytes: Uint8Array, start: number, end: number, other: Uint8Array): boolean {
  const size = end - start
  if (size !== other.length) return false
  for (let i = 0; i < size; i++) if (bytes[start + i] !== other[i]) return false
  return true
}
