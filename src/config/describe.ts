import type { z } from 'zod'
import { inputJson, isMap, labelOf } from './containers.ts'
import { fieldDef } from './field.ts'
import { shapeOf } from './schema-walk.ts'

/** One setting, as option tables show it. */
export interface OptionRow {
  /** From the component's root: `protocols.grpc.endpoint`; items of a list are `hosts[].key`, values of a map `drains.*.url`. */
  key: string
  /** `duration`, `list of text`, `block`. */
  type: string
  /** As it would be written in YAML; `required` when there is none and it must be set, empty when it may be left out. */
  default: string
  /** Empty when there is none. */
  unit: string
  doc: string
}

/** All settings of a component, each block followed by what is in it. */
export function describeOptions(schema: z.ZodType): OptionRow[] {
  return rowsOf(schema, '')
}

function rowsOf(schema: z.ZodType, prefix: string): OptionRow[] {
  return Object.entries(shapeOf(schema) ?? {}).flatMap(([name, field]) => {
    const key = prefix + name
    return [rowOf(key, field), ...below(field, key)]
  })
}

function below(schema: z.ZodType, key: string): OptionRow[] {
  if (shapeOf(schema)) return rowsOf(schema, `${key}.`)
  const def = fieldDef(schema)
  if (def?.options) return def.options.flatMap((option) => below(option, key)).filter(firstOfItsKey)
  if (!def?.item) return []
  return below(def.item, def.label.startsWith('list') ? `${key}[]` : `${key}.*`)
}

const firstOfItsKey = ({ key }: OptionRow, index: number, rows: OptionRow[]) =>
  rows.findIndex((row) => row.key === key) === index

function rowOf(key: string, field: z.ZodType): OptionRow {
  const { default: initial } = inputJson(field)
  const meta = field.meta() as { unit?: unknown; description?: string } | undefined
  const required = initial === undefined && !field.isOptional()
  return {
    key,
    type: labelOf(field),
    default: required ? 'required' : initial === undefined || isEmptyBlock(field, initial) ? '' : yamlText(initial),
    unit: typeof meta?.unit === 'string' ? meta.unit : '',
    doc: meta?.description ?? '',
  }
}

// `{}` behind a block says nothing: its rows have the defaults.
const isEmptyBlock = (field: z.ZodType, initial: unknown) =>
  shapeOf(field) !== undefined && isMap(initial) && Object.keys(initial).length === 0

function yamlText(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : JSON.stringify(value)
}

/** The rows as a Markdown table, for the README of a component. Columns without content are left out. */
export function optionTable(rows: readonly OptionRow[]): string {
  const hasUnits = rows.some(({ unit }) => unit !== '')
  const head = ['Key', 'Type', 'Default', ...(hasUnits ? ['Unit'] : []), 'Description']
  const lines = rows.map((row) => [
    `\`${row.key}\``,
    row.type,
    row.default === '' || row.default === 'required' ? row.default : `\`${row.default}\``,
    ...(hasUnits ? [row.unit] : []),
    row.doc,
  ])
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.map(cell).join(' | ')} |`).join('\n')
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
