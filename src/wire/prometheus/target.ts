/** What a scrape target adds to every envelope, encoded once. */
import { varintSize, writeVarint } from '../protobuf.ts'

export interface TargetOptions {
  /** Used when the sample has no label `source_id`. */
  sourceId: string
  /** Used when that leaves the source id empty. */
  defaultSourceId: string
  instanceId: string
  /** Tags of every envelope; labels of the sample win. */
  labels: Readonly<Record<string, string>>
}

export interface Target {
  readonly source: Buffer
  readonly defaultSource: Buffer
  /** `instance_id` field with its tag, empty when there is none. */
  readonly instanceField: Buffer
  readonly labelNames: readonly string[]
  readonly labelNameBytes: readonly Buffer[]
  /** Whole `tags` map entry of each label. */
  readonly labelFields: readonly Buffer[]
  /** Value of the label `unit`, or null. */
  readonly unit: Buffer | null
  readonly unitIndex: number
}

export function newTarget({ sourceId, defaultSourceId, instanceId, labels }: TargetOptions): Target {
  const labelNames = Object.keys(labels)
  const unitIndex = labelNames.indexOf('unit')
  return {
    source: Buffer.from(sourceId),
    defaultSource: Buffer.from(defaultSourceId),
    instanceField: instanceId === '' ? Buffer.alloc(0) : field(8, Buffer.from(instanceId)),
    labelNames,
    labelNameBytes: labelNames.map((name) => Buffer.from(name)),
    labelFields: labelNames.map((name) => field(9, mapEntry(name, labels[name]!))),
    unit: unitIndex < 0 ? null : Buffer.from(labels.unit!),
    unitIndex,
  }
}

function mapEntry(key: string, value: string): Buffer {
  return Buffer.concat([field(1, Buffer.from(key)), field(2, Buffer.from(value))])
}

function field(number: number, body: Buffer): Buffer {
  const head = Buffer.alloc(1 + varintSize(body.length))
  head[0] = (number << 3) | 2
  writeVarint(head, 1, body.length)
  return Buffer.concat([head, body])
}
