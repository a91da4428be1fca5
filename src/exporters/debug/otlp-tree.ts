import type { Batch } from '../../telemetry/batch.ts'
import { encodeOtlpJson } from '../../wire/otlp/json-encode.ts'
import type { Signal } from '../otlp-signals.ts'

/** A message of OTLP as its JSON says it: for text, field by field. */
export interface Tree {
  readonly [name: string]: Tree | readonly Tree[] | readonly (string | number)[] | string | number | boolean | undefined
}

/** A batch of OTLP as a tree. */
export const treeOf = (batch: Batch): Tree => JSON.parse(String(encodeOtlpJson(batch.format as Signal, batch.bytes())))

export const sub = (tree: Tree, name: string): Tree => (tree[name] ?? {}) as Tree
export const subs = (tree: Tree, name: string): readonly Tree[] => (tree[name] ?? []) as readonly Tree[]
export const said = (tree: Tree, name: string, absent = ''): string => String(tree[name] ?? absent)
export const numbers = (tree: Tree, name: string): readonly string[] =>
  ((tree[name] ?? []) as readonly unknown[]).map(String)

const kinds: Record<string, string> = {
  stringValue: 'Str',
  boolValue: 'Bool',
  intValue: 'Int',
  doubleValue: 'Double',
  bytesValue: 'Bytes',
  arrayValue: 'Slice',
  kvlistValue: 'Map',
}

const deepest = 32

/** An AnyValue as people read it. */
export function valueText(value: Tree, depth = 0): string {
  const name = Object.keys(value)[0]
  if (name === undefined) return ''
  if (name !== 'arrayValue' && name !== 'kvlistValue') return said(value, name)
  return depth > deepest ? '...' : JSON.stringify(plain(value, depth))
}

/** The same with its kind: `Str(web)`. */
export function kindedText(value: Tree): string {
  const name = Object.keys(value)[0]
  return name === undefined ? 'Empty()' : `${kinds[name] ?? name}(${valueText(value)})`
}

function plain(value: Tree, depth: number): unknown {
  if (depth > deepest) return '...'
  if (value.arrayValue) return subs(sub(value, 'arrayValue'), 'values').map((each) => plain(each, depth + 1))
  if (!value.kvlistValue) return Object.values(value)[0] ?? null
  const entries = subs(sub(value, 'kvlistValue'), 'values')
  return Object.fromEntries(entries.map((each) => [said(each, 'key'), plain(sub(each, 'value'), depth + 1)]))
}

/** `a=b` of each attribute. */
export const pairs = (tree: Tree): string[] =>
  subs(tree, 'attributes').map((each) => `${said(each, 'key')}=${valueText(sub(each, 'value'))}`)

/** `2026-11-21 05:02:14.173000001 +0000 UTC` from nanoseconds since 1970 in decimal. */
export function timeText(nanos: string): string {
  const digits = nanos.padStart(10, '0')
  const date = new Date(Number(digits.slice(0, -9)) * 1000)
  if (Number.isNaN(date.getTime())) return nanos
  const fraction = digits.slice(-9).replace(/0+$/, '')
  return `${date.toISOString().slice(0, 19).replace('T', ' ')}${fraction && `.${fraction}`} +0000 UTC`
}
