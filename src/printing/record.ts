/** A record as the debug exporter shows it, whatever its format was: the fields of a Loggregator envelope. */
export interface DebugRecord {
  /** Nanoseconds since 1970. */
  timestamp: bigint
  source: string
  instance: string
  deprecatedTags: Map<string, DeprecatedValue>
  tags: Map<string, string>
  message: DebugMessage | undefined
}

export type DeprecatedValue = { text: string } | { integer: bigint } | { decimal: number } | undefined

/** What the record says: at most one of these, as in an envelope. */
export type DebugMessage =
  | { kind: 'log'; payload: Buffer; type: number }
  | { kind: 'counter'; name: string; delta: bigint; total: bigint }
  | { kind: 'gauge'; metrics: Map<string, { unit: string; value: number }> }
  | { kind: 'timer'; name: string; start: bigint; stop: bigint }
  | { kind: 'event'; title: string; body: string }

export function newRecord(): DebugRecord {
  return { timestamp: 0n, source: '', instance: '', deprecatedTags: new Map(), tags: new Map(), message: undefined }
}
