import type { z } from 'zod'
import type { ConfigCode, Problem } from './diagnostics.ts'
import type { LoadedConfig } from './load.ts'
import { nearest } from './nearest.ts'
import { quoted } from './quoted.ts'
import { shapeAt, shapeOf } from './schema-walk.ts'

type Issue = z.core.$ZodIssue & { keys?: string[]; params?: { hint?: string; expected?: string } }

interface Place {
  base: readonly string[]
  shownBase: readonly string[]
  loaded: LoadedConfig
}

/** What a schema found wrong with the value at `base`, as problems with places. `shownBase` goes before the paths in messages. */
export function problemsOf(
  error: z.ZodError,
  schema: z.ZodType,
  base: readonly string[],
  loaded: LoadedConfig,
  shownBase: readonly string[] = [],
): Problem[] {
  const issues = error.issues as Issue[]
  const unknown = issues.filter(({ code }) => code === 'unrecognized_keys')
  // A rule over a whole block that fails is probably the consequence of the misspelt key in it.
  const follows = ({ code, path }: Issue) =>
    code === 'custom' && unknown.some((issue) => path.every((part, at) => part === issue.path[at]))
  return issues
    .filter((issue) => !follows(issue))
    .flatMap((issue) => {
      if (issue.code === 'unrecognized_keys')
        return (issue.keys ?? []).map((key) => unknownKey(key, issue, schema, { base, shownBase, loaded }))
      return [wrongValue(issue, base, loaded)]
    })
}

function unknownKey(key: string, issue: Issue, schema: z.ZodType, { base, shownBase, loaded }: Place): Problem {
  const path = [...base, ...issue.path]
  const shape = shapeAt(schema, issue.path) ?? {}
  return {
    code: 'TR_CONFIG_KEY',
    location: loaded.at(path, key),
    path: [...path, key].join('.'),
    message: unknownKeyMessage(key, [...shownBase, ...issue.path]),
    hint: deeper(key, shape) ?? keyHint(key, Object.keys(shape)),
  }
}

/** Says it plainly, and below a component's own level in the words of the Collector, so that a search for those finds the way. */
export function unknownKeyMessage(key: string, path: readonly PropertyKey[]): string {
  if (path.length === 0) return `unknown key ${quoted(key)}`
  return `unknown key ${quoted(key)} ('${structPath(path)}' has invalid keys: ${key})`
}

/** What to write when the key stands a block too high: `tls.insecure` for `insecure`. */
function deeper(key: string, shape: Readonly<Record<string, z.ZodType>>): string | undefined {
  const blocks = Object.keys(shape).filter((block) => Object.hasOwn(shapeOf(shape[block]!) ?? {}, key))
  if (blocks.length === 0) return undefined
  return `it belongs into a block: did you mean ${blocks.map((block) => `"${block}.${key}"`).join(' or ')}?`
}

/** `did you mean "http"?`, or all that is known. */
export function keyHint(key: string, known: readonly string[]): string {
  if (/[\u00a0\u2000-\u200f\u3000\ufeff]/.test(key)) return 'there is a blank in it that is no space: type it anew'
  const meant = nearest(key, known)
  if (meant !== undefined) return `did you mean "${meant}"?`
  return known.length === 0 ? 'nothing is configured here' : `known are: ${known.join(', ')}`
}

/** The Collector's way to name a structure: `protocols`, `scrape_configs[0]`. */
function structPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index > 0 ? '.' : ''}${String(part)}`))
    .join('')
}

function wrongValue(issue: Issue, base: readonly string[], loaded: LoadedConfig): Problem {
  const path = [...base, ...issue.path]
  const missing = issue.message === 'is required'
  const problem: Problem = {
    code: codeOf(issue),
    location: missing ? parentLocation(path, loaded) : loaded.at(path),
    path: path.join('.'),
    message: missing ? `${String(path.at(-1))} is required` : issue.message,
  }
  if (issue.params?.expected !== undefined) problem.expected = issue.params.expected
  const isCurly = /[\u201c-\u201f]/.test(issue.message)
  const hint = isCurly ? 'curly quotes are part of the text: write " or none' : issue.params?.hint
  if (hint !== undefined) problem.hint = hint
  return problem
}

/** A missing setting is shown at the key of the block it belongs to. */
function parentLocation(path: readonly PropertyKey[], loaded: LoadedConfig) {
  const parent = path.at(-2)
  return typeof parent === 'string' ? loaded.at(path.slice(0, -2), parent) : loaded.at(path)
}

function codeOf({ code, message }: Issue): ConfigCode {
  if (message === 'is required') return 'TR_CONFIG_REQUIRED'
  return code === 'invalid_type' || message.startsWith('expected ') ? 'TR_CONFIG_TYPE' : 'TR_CONFIG_VALUE'
}
