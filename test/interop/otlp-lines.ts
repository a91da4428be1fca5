/** OTLP JSON, as the exporter `file` writes it. */
// biome-ignore lint/suspicious/noExplicitAny: whatever JSON holds
export type Json = any

/** `{"intValue": "42"}` to 42n, `{"doubleValue": 1}` to 1: integers and doubles stay apart. */
export function plainValue(value: Json): unknown {
  if ('intValue' in value) return BigInt(value.intValue)
  if ('arrayValue' in value) return (value.arrayValue.values ?? []).map(plainValue)
  if ('kvlistValue' in value) return plainAttributes(value.kvlistValue.values)
  return value.stringValue ?? value.boolValue ?? value.doubleValue ?? value.bytesValue
}

/** `[{"key": "k", "value": {"stringValue": "v"}}]` to `{k: 'v'}`. */
export const plainAttributes = (attributes: Json[] = []): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value ?? {})]))

/** One record and what stands around it. */
export interface Found {
  resource: Record<string, unknown>
  resourceSchema: string
  scope: { name: string; version: string; attributes: Record<string, unknown> }
  scopeSchema: string
  record: Json
}

const groups = {
  logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
  metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
  traces: ['resourceSpans', 'scopeSpans', 'spans'],
} as const

/** All records of one signal in these lines, in order. */
export function records(lines: readonly string[], signal: keyof typeof groups): Found[] {
  const [resources, scopes, leaves] = groups[signal]
  return lines
    .map((line) => JSON.parse(line))
    .flatMap((request) => request[resources] ?? [])
    .flatMap((group: Json) =>
      group[scopes].flatMap((inner: Json) =>
        inner[leaves].map((record: Json) => ({
          resource: plainAttributes(group.resource?.attributes),
          resourceSchema: group.schemaUrl ?? '',
          scope: {
            name: inner.scope?.name ?? '',
            version: inner.scope?.version ?? '',
            attributes: plainAttributes(inner.scope?.attributes),
          },
          scopeSchema: inner.schemaUrl ?? '',
          record,
        })),
      ),
    )
}
