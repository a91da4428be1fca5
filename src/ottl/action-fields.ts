import { type Field, newField, shown } from '../config/field.ts'
import { anything, list, object, oneOf, text } from '../config/fields.ts'
import { Substituted } from '../config/substituted.ts'
import { Fault } from '../config/units.ts'
import type { Action } from './actions.ts'
import { GoRegex, PatternError } from './go-regex.ts'
import { fromYaml } from './yaml-value.ts'

/** A regular expression in the syntax of Go. */
export function pattern(): Field<GoRegex, string> {
  const read = (value: unknown) => {
    const source = value instanceof Substituted ? value.text : value
    if (typeof source !== 'string') {
      return new Fault(
        `expected a regular expression, got ${shown(value)}`,
        'write one such as "^http\\\\.", in quotes',
      )
    }
    try {
      return new GoRegex(source)
    } catch (error) {
      if (error instanceof PatternError) return new Fault(error.message)
      throw error
    }
  }
  return newField({ label: 'regular expression', json: () => ({ type: 'string' }), read })
}

const putting = ['insert', 'update', 'upsert']

/** The settings of one action of the processors `attributes` and `resource`. */
const action = object({
  key: text().optional().describe('The attribute.'),
  action: oneOf(['insert', 'update', 'upsert', 'delete', 'hash', 'extract', 'convert']).describe(
    'Set it where it is absent, where it is present, or always; delete it; replace it by its SHA-256; set what the named groups of `pattern` match in it; change its type.',
  ),
  value: anything().optional().describe('What to set: text, a number, true, false, a list or a map.'),
  from_attribute: text().optional().describe('Attribute whose value to set.'),
  from_context: text()
    .optional()
    .describe('`client.address`, or `metadata.` and the name of a header of the request that brought the record.'),
  default_value: anything().optional().describe('What to set when the source has nothing.'),
  pattern: pattern()
    .optional()
    .describe('delete, hash: every attribute whose key matches. extract: has the named groups, `(?P<name>...)`.'),
  converted_type: oneOf(['int', 'double', 'string']).optional().describe('convert: the type.'),
}).superRefine((each, ctx) => {
  const wrong = (message: string, key?: string) =>
    ctx.addIssue({ code: 'custom', message, ...(key !== undefined && { path: [key] }) })
  const { key, from_context: context } = each
  const needsKey =
    !each.pattern || each.action === 'extract' || each.action === 'convert' || putting.includes(each.action)
  if (needsKey && !key) {
    wrong(
      `the action ${each.action} needs a key${each.action === 'delete' || each.action === 'hash' ? ' or a pattern' : ''}`,
    )
  }
  if (putting.includes(each.action)) {
    const sources = [each.value, each.from_attribute, context, each.default_value]
    if (sources.every((source) => source === undefined || source === null)) {
      wrong(`the action ${each.action} needs one of value, from_attribute, from_context and default_value`)
    }
    if (context?.startsWith('auth.')) wrong('what an authenticator knows is not handed on here', 'from_context')
    else if (context !== undefined && context !== 'client.address' && !context.startsWith('metadata.')) {
      wrong(`expected client.address or metadata.<header>, got ${JSON.stringify(context)}`, 'from_context')
    }
  }
  if (each.action === 'extract') {
    const groups = each.pattern?.groups.slice(1)
    if (!groups) wrong('the action extract needs a pattern with named groups')
    else if (groups.length === 0 || groups.includes('')) {
      wrong(
        'every group of the pattern needs a name, (?P<name>...); write (?:...) for those that extract nothing',
        'pattern',
      )
    }
  }
  if (each.action === 'convert' && !each.converted_type)
    wrong('the action convert needs converted_type: int, double or string')
})

type ActionConfig = (typeof action)['_zod']['output']

/** A list of actions. */
export const actionList = () => list(action)

export const actionsOf = (configs: readonly ActionConfig[]): Action[] =>
  configs.map((each) => ({
    action: each.action,
    key: each.key,
    value: fromYaml(each.value),
    fromAttribute: each.from_attribute,
    fromContext: each.from_context,
    defaultValue: fromYaml(each.default_value),
    pattern: each.pattern,
    convertedType: each.converted_type,
  }))
