import type { z } from 'zod'
import { takeUnbounded } from './bounded-regex.ts'
import { isMap } from './containers.ts'
import type { ConfigCode, Problem } from './diagnostics.ts'
import { bool } from './fields.ts'
import { problemsOf } from './issues.ts'
import type { LoadedConfig } from './load.ts'
import { nearest } from './nearest.ts'
import {
  type Catalogue,
  type CatalogueEntry,
  type ComponentConfig,
  formatId,
  type Kind,
  kinds,
  parseId,
  sectionOf,
} from './schema.ts'
import { eachDoubtfulBool, eachSecret, shapeOf } from './schema-walk.ts'
import { unwrapped } from './substituted.ts'

/** Where checks leave what they find. */
export interface Findings {
  loaded: LoadedConfig
  problems: Problem[]
  warnings: Problem[]
  /** Kinds whose section is no map, and `exporter/debug` where that type was misspelt: references to them follow from it. */
  misnamed: Set<string>
}

/** Notes a problem at a path, or at the key of it that is named. */
export function report(
  { loaded, problems }: Findings,
  code: ConfigCode,
  path: readonly PropertyKey[],
  message: string,
  more: { key?: string; hint?: string | undefined } = {},
): void {
  const { key, hint } = more
  const full = key === undefined ? path : [...path, key]
  problems.push({
    code,
    location: loaded.at(path, key),
    path: full.join('.'),
    message,
    ...(hint !== undefined && { hint }),
  })
}

/** Ids that stand in the tree, with or without a fault of their own: what references may name. */
export type Declared = Record<Kind, Map<string, ComponentConfig | undefined>>

/** Parses every component of the tree, used or not. */
export async function checkComponents(findings: Findings, catalogue: Catalogue): Promise<Declared> {
  const declared: Declared = {
    receiver: new Map(),
    processor: new Map(),
    exporter: new Map(),
    connector: new Map(),
    extension: new Map(),
  }
  for (const kind of kinds) {
    for (const [written, settings] of sectionEntries(findings, kind)) {
      const id = parseId(written)
      const path = [sectionOf[kind], written]
      if (typeof id === 'string') {
        report(findings, 'TR_CONFIG_ID', [sectionOf[kind]], id, {
          key: written,
          hint: 'an id is "type" or "type/name"',
        })
        continue
      }
      const key = formatId(id)
      if (declared[kind].has(key)) {
        const message = `duplicate name "${key}" after unmarshaling ${sectionOf[kind]}`
        report(findings, 'TR_CONFIG_DUPLICATE', [sectionOf[kind]], message, {
          key: written,
          hint: 'spaces around the "/" do not count: rename one of the two',
        })
        continue
      }
      declared[kind].set(key, undefined)
      const entry = await findEntry(findings, catalogue, kind, id.type, written)
      const parsed = entry && parseSettings(findings, entry, settings, path)
      if (entry && parsed) declared[kind].set(key, { kind, id, key, entry, path, ...parsed })
    }
  }
  return declared
}

function sectionEntries(findings: Findings, kind: Kind): [string, unknown][] {
  const section = sectionOf[kind]
  const given = unwrapped(findings.loaded.value[section]) ?? {}
  if (isMap(given)) return Object.entries(given)
  report(findings, 'TR_CONFIG_TYPE', [section], `expected a map of ${section}`, {
    hint: 'write one "id:" per line below it',
  })
  findings.misnamed.add(kind)
  return []
}

async function findEntry(findings: Findings, catalogue: Catalogue, kind: Kind, type: string, written: string) {
  const section = [sectionOf[kind]]
  try {
    const entry = await catalogue.find(kind, type)
    if (entry) return entry
  } catch (error) {
    report(findings, 'TR_CONFIG_PLUGIN', section, `cannot load the ${kind} "${type}": ${(error as Error).message}`, {
      key: written,
    })
    return undefined
  }
  const message = `unknown type: "${type}" for id: "${written}" (valid values: [${catalogue.types(kind).join(' ')}])`
  const hint = elsewhereHint(catalogue, kind, type)
  const meant = hint === undefined ? nearest(type, catalogue.types(kind)) : undefined
  if (meant !== undefined) findings.misnamed.add(`${kind}/${meant}`)
  report(findings, 'TR_CONFIG_COMPONENT', section, message, {
    key: written,
    hint: meant === undefined ? hint : `did you mean "${meant}"?`,
  })
  return undefined
}

function elsewhereHint(catalogue: Catalogue, kind: Kind, type: string): string | undefined {
  const own = catalogue.hint?.(kind, type)
  if (own !== undefined) return own
  const elsewhere = kinds.find((other) => catalogue.types(other).includes(type))
  return elsewhere && `there is ${article(elsewhere)} of that type: put it under ${sectionOf[elsewhere]}`
}

export const article = (kind: Kind) => `${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind}`

function parseSettings(findings: Findings, entry: CatalogueEntry, given: unknown, path: string[]) {
  const { loaded, problems } = findings
  const { required, settings } = withoutRequired(findings, entry, given, path)
  eachSecret(entry.config, settings, path, (secret) => loaded.hide(secret))
  warnOfBools(findings, entry.config, settings, path)
  takeUnbounded()
  try {
    const result = entry.config.safeParse(settings ?? {})
    warnOfPatterns(findings, path)
    if (result.success) return { config: result.data, required }
    problems.push(...problemsOf(result.error, entry.config, path, loaded))
  } catch (error) {
    report(
      findings,
      'TR_CONFIG_VALUE',
      path,
      `error reading configuration for "${path[1]}": ${(error as Error).message}`,
    )
  }
  return undefined
}

/** The originals take `true` and `1` alone for true, and so do we; who wrote `TRUE` should hear of it. */
export function warnOfBools({ loaded, warnings }: Findings, schema: z.ZodType, given: unknown, path: string[]): void {
  eachDoubtfulBool(schema, given, path, (at, { source }) => {
    const message = `${source.replace(/^env:/, 'the variable ')} is read as false: true and 1 alone are true`
    warnings.push({
      code: 'TR_CONFIG_VALUE',
      location: loaded.at(at),
      path: at.join('.'),
      message,
      hint: 'write true, or false to say it plainly',
    })
  })
}

/** Patterns whose matching nothing bounds, of those that the check of the settings compiles. */
function warnOfPatterns({ loaded, warnings }: Findings, path: string[]): void {
  for (const source of takeUnbounded()) {
    warnings.push({
      code: 'TR_CONFIG_VALUE',
      location: loaded.at(path),
      path: path.join('.'),
      message:
        `the pattern ${JSON.stringify(source)} may take very long on hostile text: it repeats a group more than 16 times, ` +
        'looks ahead or refers to a group, which the linear matcher does not take',
      hint: 'write + or * for the number, or repeat a single character or class',
    })
  }
}

/** Every component may say `required: false`; the engine reads it, not the component. */
function withoutRequired(findings: Findings, entry: CatalogueEntry, given: unknown, path: string[]) {
  const settings = unwrapped(given)
  if (!isMap(settings) || !('required' in settings) || 'required' in (shapeOf(entry.config) ?? {}))
    return { required: true, settings: given }
  const { required: written, ...rest } = settings
  const schema = bool().default(true)
  const parsed = schema.safeParse(unwrapped(written) === null ? undefined : written)
  if (!parsed.success)
    findings.problems.push(...problemsOf(parsed.error, schema, [...path, 'required'], findings.loaded))
  return { required: parsed.data ?? true, settings: rest }
}
