import type { Cursor } from '../telemetry/cursor.ts'
import type { Compiler } from './compiler.ts'
import type { Parameter } from './expression.ts'
import { describe, type Ottl, StatementError } from './ottl-value.ts'
import type { Node } from './tree.ts'

/** A function that makes a value. */
export interface Converter {
  readonly parameters: readonly Parameter[]
  /** What it does, for the table in the README. */
  readonly summary: string
  /** False when it answers differently without other arguments: it looks at the record or at the clock. */
  readonly pure?: boolean
  make(compiler: Compiler, args: readonly (Node | undefined)[], at: number): (cursor: Cursor) => Ottl
}

/** A parameter that takes any value. */
export const value = (name: string, optional = false): Parameter => ({ name, takes: 'value', optional })

/** The text that function `name` was given. Throws StatementError. */
export function need(name: string, given: Ottl): string {
  if (typeof given === 'string') return given
  throw new StatementError(`${name} takes text, got ${describe(given)}`)
}

/** A function of one value. */
export const of1 = (summary: string, make: (given: Ottl) => Ottl, name = 'target'): Converter => ({
  summary,
  parameters: [value(name)],
  make(compiler, [node]) {
    const { get } = compiler.expression(node!)
    return (cursor) => make(get(cursor))
  },
})

/** A function of one text. */
export const ofText = (name: string, summary: string, make: (given: string) => Ottl): Converter =>
  of1(summary, (given) => make(need(name, given)))

/** A function of two texts. */
export const ofTexts = (
  name: string,
  second: string,
  summary: string,
  make: (a: string, b: string) => Ottl,
): Converter => ({
  summary,
  parameters: [value('target'), value(second)],
  make(compiler, [first, other]) {
    const [a, b] = [compiler.expression(first!), compiler.expression(other!)]
    return (cursor) => make(need(name, a.get(cursor)), need(name, b.get(cursor)))
  },
})
