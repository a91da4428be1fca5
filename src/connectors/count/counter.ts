import { compileOpen } from '../../ottl/conditions.ts'
import type { Condition } from '../../ottl/expression.ts'
import { StatementError } from '../../ottl/ottl-value.ts'
import type { Cursor, Format } from '../../plugin.ts'
import type { ReadPath } from '../../telemetry/path-def.ts'
import { type PathContext, pathOf } from '../../telemetry/paths.ts'
import { Value, ValueType } from '../../telemetry/value.ts'
import { type BackwardWriter, splitBigInt } from '../../wire/protobuf.ts'
import { SeriesTable } from './series.ts'

/** A metric as it is configured. */
export interface CountSettings {
  readonly description: string
  readonly conditions: readonly string[]
  readonly attributes: readonly { readonly key: string; readonly default_value?: string | number | undefined }[]
}

export interface CounterOptions {
  readonly name: string
  readonly settings: CountSettings
  readonly format: Format
  readonly context: PathContext
  /** Hears of a condition that could not be asked. */
  readonly failed: (condition: string, message: string) => void
}

/** Where the value of one attribute is found. */
interface Source {
  readonly key: Buffer
  /** Of the record, then of its scope, then of its resource. */
  readonly reads: readonly ReadPath[]
  readonly otherwise: Value | undefined
}

const deltaTemporality = 1
const nothing = Buffer.alloc(0)

/** One metric that counts. */
export class Counter {
  private readonly series = new SeriesTable()
  private readonly name: string
  private readonly description: string
  private readonly conditions: readonly { source: string; holds: Condition }[]
  private readonly sources: readonly Source[]
  private readonly keys: readonly Buffer[]
  private readonly values: readonly Value[]
  private readonly failed: CounterOptions['failed']

  /** Throws ConditionError. */
  constructor({ name, settings, format, context, failed }: CounterOptions) {
    const { description, conditions, attributes } = settings
    this.name = name
    this.description = description
    this.failed = failed
    this.conditions = conditions.map((source) => ({ source, holds: compileOpen(source, format, context).condition }))
    this.sources = attributes.map(({ key, default_value: otherwise }) => ({
      key: Buffer.from(key),
      reads: [
        pathOf('attributes', [key], format, context).read,
        pathOf('scope.attributes', [key], format).read,
        pathOf('resource.attributes', [key], format).read,
      ],
      otherwise: otherwise === undefined || otherwise === '' ? undefined : constantOf(otherwise),
    }))
    this.keys = this.sources.map(({ key }) => key)
    this.values = this.sources.map(() => new Value())
  }

  /** Whether it looks at what it counts. */
  get asks(): boolean {
    return this.conditions.length > 0 || this.sources.length > 0
  }

  get isEmpty(): boolean {
    return this.series.size === 0
  }

  /** Counts what the cursor stands on, if it meets a condition and has the attributes. */
  see(cursor: Cursor): void {
    if (this.hasValues(cursor) && this.isMet(cursor)) this.series.add(this.keys, this.values)
  }

  /** Writes it as field 2 of ScopeMetrics; answers how many data points it has. */
  write(out: BackwardWriter, start: readonly [number, number], end: readonly [number, number]): number {
    const mark = out.length
    // Sum {1 data_points, 2 aggregation_temporality, 3 is_monotonic}
    out.byte(1)
    out.tag(3, 0)
    out.byte(deltaTemporality)
    out.tag(2, 0)
    const points = this.series.write(out, start, end)
    out.message(7, mark)
    if (this.description !== '') out.textField(2, this.description)
    out.textField(1, this.name)
    out.message(2, mark)
    return points
  }

  clear(): void {
    this.series.clear()
  }

  private isMet(cursor: Cursor): boolean {
    const { conditions } = this
    if (conditions.length === 0) return true
    for (let i = 0; i < conditions.length; i++) {
      const { source, holds } = conditions[i]!
      try {
        if (holds(cursor)) return true
      } catch (cause) {
        if (!(cause instanceof StatementError)) throw cause
        this.failed(source, cause.message)
      }
    }
    return false
  }

  private hasValues(cursor: Cursor): boolean {
    for (let i = 0; i < this.sources.length; i++) {
      if (!find(this.sources[i]!, cursor, this.values[i]!)) return false
    }
    return true
  }
}

function find({ reads, otherwise }: Source, cursor: Cursor, into: Value): boolean {
  for (let i = 0; i < reads.length; i++) {
    reads[i]!(cursor, into, false)
    if (into.type === ValueType.none) continue
    // As in the Collector: what is neither text nor number counts as empty text.
    if (into.type === ValueType.map || into.type === ValueType.other || into.type === ValueType.bytes)
      into.text(nothing)
    return true
  }
  if (otherwise) into.copy(otherwise)
  return otherwise !== undefined
}

function constantOf(given: string | number): Value {
  const value = new Value()
  if (typeof given === 'string') value.text(Buffer.from(given))
  else if (Number.isSafeInteger(given)) value.integer(ValueType.int, ...splitBigInt(BigInt(given)))
  else value.real(given)
  return value
}
