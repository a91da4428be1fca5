import { attributesOfPoint, type Cursor } from '../telemetry/cursor.ts'
import { findEntry, found as place, readAnyValue } from '../telemetry/find-field.ts'
import { Level } from '../telemetry/level.ts'
import { Value, ValueType } from '../telemetry/value.ts'
import { Reader } from '../wire/protobuf.ts'
import type { Compiler } from './compiler.ts'
import type { Converter } from './converter.ts'

/** Functions that look at the points of a metric. */
export const pointConverters: Readonly<Record<string, Converter>> = {
  HasAttrKeyOnDatapoint: {
    summary: 'metric context: whether any point of the metric has the attribute',
    pure: false,
    parameters: [{ name: 'key', takes: 'text' }],
    make(compiler, [key], at) {
      return onPoints(compiler, at, compiler.text(key!), () => true)
    },
  },
  HasAttrOnDatapoint: {
    summary: 'metric context: whether any point of the metric has the attribute with that text',
    pure: false,
    parameters: [
      { name: 'key', takes: 'text' },
      { name: 'value', takes: 'text' },
    ],
    make(compiler, [key, expected], at) {
      const bytes = Buffer.from(compiler.text(expected!))
      return onPoints(
        compiler,
        at,
        compiler.text(key!),
        (found) => found.type === ValueType.text && found.equals(bytes),
      )
    },
  },
}

const dataReader = new Reader()

/** Whether a point of the metric under the cursor has an attribute for which `test` holds. */
function onPoints(compiler: Compiler, at: number, key: string, test: (value: Value) => boolean) {
  if (compiler.format !== 'metrics' || compiler.context !== 'metric') {
    throw compiler.error(at, 'this function looks at the points of a metric: it stands among conditions on metrics')
  }
  // What it says holds for all points of a metric.
  compiler.pathOf({ kind: 'path', at, name: 'metric.name', keys: [] })
  compiler.looks.aside = true
  const bytes = Buffer.from(key)
  const found = new Value()
  return (cursor: Cursor): boolean => {
    const metric = cursor.draft(Level.metric)
    for (let i = 0; i < metric.count; i++) {
      const attributes = attributesOfPoint[metric.fieldOf(i)]
      if (attributes === undefined || (metric.tagOf(i) & 7) !== 2) continue
      const buf = metric.bufOf(i)
      dataReader.reset(buf, metric.startOf(i), metric.endOf(i))
      while (dataReader.next() && dataReader.skip()) {
        if (dataReader.field !== 1 || dataReader.wire !== 2) continue
        if (!findEntry(buf, dataReader.start, dataReader.stop, attributes, bytes)) continue
        readAnyValue(buf, place.start, place.end, found)
        if (found.type !== ValueType.none && test(found)) return true
      }
    }
    return false
  }
}
