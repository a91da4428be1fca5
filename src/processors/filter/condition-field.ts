import { type Field, newField, shown } from '../../config/field.ts'
import { Substituted } from '../../config/substituted.ts'
import { Fault } from '../../config/units.ts'
import { ConditionError, compileCondition } from '../../ottl/conditions.ts'
import type { Format } from '../../plugin.ts'

/** A condition in the configuration: one that compiles for at least one of the formats, `kind == "log"`. */
export function condition(formats: readonly Format[]): Field<string> {
  const read = (value: unknown) => {
    const source = value instanceof Substituted ? value.text : value
    if (typeof source !== 'string') {
      return new Fault(`expected a condition, got ${shown(value)}`, `write one such as 'kind == "log"', in quotes`)
    }
    return faultOf(source, formats) ?? source
  }
  return newField({ label: 'condition', json: () => ({ type: 'string' }), read })
}

/** The fault that comes latest in the text: in the formats before it, less of the condition was understood. */
function faultOf(source: string, formats: readonly Format[]): Fault | undefined {
  let latest: ConditionError | undefined
  for (const format of formats) {
    try {
      compileCondition(source, format)
      return undefined
    } catch (error) {
      if (!(error instanceof ConditionError)) throw error
      if (!latest || error.position > latest.position) latest = error
    }
  }
  return latest && new Fault(latest.message)
}
