import type { Format } from './format.ts'
import { compilePath } from './paths.ts'
import type { TextOf } from './set-attribute.ts'
import { Value, ValueType } from './value.ts'

/**
 * A reader of one field as text: `fieldText('envelopes', 'attributes["user"]')`. Numbers come in decimal; undefined
 * when the record has no such field. Throws PathError when the format has none. Makes a string per record: for
 * comparing and filtering use conditions.
 */
export function fieldText(format: Format, path: string): TextOf {
  const { read } = compilePath(path, format)
  const value = new Value()
  return (cursor) => {
    read(cursor, value, false)
    return value.type === ValueType.none ? undefined : value.toString()
  }
}
