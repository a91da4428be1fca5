import { single } from '../telemetry/field-defs.ts'
import type { Format } from '../telemetry/format.ts'
import { Level } from '../telemetry/level.ts'
import type { FieldDef } from '../telemetry/path-def.ts'
import { type FieldPath, type PathContext, pathInto, stepsOf, Unsuitable } from '../telemetry/paths.ts'
import { typeName, Value, ValueType } from '../telemetry/value.ts'

const nothing = Buffer.alloc(0)

/** The map that the statements of a group share while they run on one record: `cache`. */
export class Cache {
  /** Whether any of them names it. */
  isUsed = false
  private readonly map = new Value()
  private readonly def: FieldDef

  constructor() {
    const { map } = this
    const put = (body: Buffer) => map.span(ValueType.map, body, 0, body.length)
    this.def = {
      level: Level.record,
      nests: true,
      read: single((_, into) => into.copy(map)),
      write: {
        set: (_, value) => put(bodyOf(value)),
        remove: () => this.clear(),
        constant(value) {
          const body = bodyOf(value)
          return () => put(body)
        },
      },
    }
    this.clear()
  }

  /** Forgets what the last record left. */
  clear(): void {
    this.map.span(ValueType.map, nothing, 0, 0)
  }

  /** The path that `name` is, if it names the cache of this context: `cache`, `log.cache`. */
  path(
    name: string,
    keys: readonly (string | number)[],
    format: Format,
    context: PathContext | undefined,
  ): FieldPath | undefined {
    if (name !== 'cache' && name.replace(/^instrumentation_/, '') !== `${context ?? 'envelope'}.cache`) return undefined
    this.isUsed = true
    const text = name + keys.map((key) => `[${JSON.stringify(key)}]`).join('')
    // What is around a record is not written to.
    const level = context === 'spanevent' ? Level.event : Level.record
    return pathInto({ ...this.def, level }, text, stepsOf(keys), format)
  }
}

function bodyOf(value: Value): Buffer {
  if (value.type !== ValueType.map) throw new Unsuitable(`takes a map, got ${typeName(value)}`)
  return Buffer.from(value.buf.subarray(value.start, value.end))
}

/** Whether a field is the cache of some context. */
export const namesCache = (name: string): boolean => /^(?:\w+\.)?cache$/.test(name)
