import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Catalogue } from '../components.ts'
import { formatProblems, type Problem } from '../config/diagnostics.ts'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import { readFailure } from '../config/read-failure.ts'
import { validate } from '../config/validate.ts'
import { ExitCode } from './exit-codes.ts'
import { type EditedYaml, editYaml, mark, type Removal, type Rewrite } from './migrate-edits.ts'
import {
  type ComponentVerdict,
  componentPaths,
  idleServiceSettings,
  judgeComponents,
  verdictsText,
} from './migrate-report.ts'
import { movedSetting, renamedComponent, renamedVariables } from './migrate-spellings.ts'
import { loadPlugins } from './plugins.ts'

/** A Collector's file, made ready to run here. */
export interface Migration {
  /** The YAML that runs here, but for what is in `left`. */
  readonly text: string
  readonly verdicts: readonly ComponentVerdict[]
  readonly idle: readonly string[]
  /** What old Collectors called otherwise. */
  readonly renamed: readonly Rewrite[]
  readonly removed: readonly Removal[]
  /** Problems that only a person can mend. */
  readonly left: readonly Problem[]
  /** The file cannot be read as a configuration at all. */
  readonly unreadable: boolean
}

/** A file of a hundred thousand faults would not end otherwise. */
const maxRounds = 20
const maxAttempts = 3

/** Says of every component of the file whether it is here, and makes of it what runs here. Never throws. */
export async function migrateText(file: string, text: string): Promise<Migration> {
  const first = await findings(file, text)
  const faults = first.problems.filter(({ code }) => unreadableCodes.has(code))
  const verdicts = faults.length > 0 ? [] : await judgeComponents(first.loaded, first.catalogue)
  const idle = idleServiceSettings(first.loaded)
  if (faults.length > 0) return { text, verdicts, idle: [], renamed: [], removed: [], left: faults, unreadable: true }
  const kept = new Set<string>()
  for (let attempt = 1; ; attempt++) {
    const edited = await edit(file, text, verdicts, kept)
    const missed = edited.removed.filter((each) => !kept.has(each.path) && isMissed(each, edited.left))
    if (missed.length === 0 || attempt === maxAttempts) return { ...edited, verdicts, idle, unreadable: false }
    for (const { path } of missed) kept.add(path)
  }
}

/** Whether a setting was taken out that must be there: the fault of its value tells more than its absence. */
const isMissed = ({ path }: Removal, left: readonly Problem[]): boolean =>
  left.some((problem) => anyItem(problem.path) === anyItem(path))

const anyItem = (path: string) => path.replace(/\.\d+(?=\.)/g, '.*')

type Edited = Pick<Migration, 'text' | 'renamed' | 'removed' | 'left'>

async function edit(
  file: string,
  text: string,
  verdicts: readonly ComponentVerdict[],
  kept: ReadonlySet<string>,
): Promise<Edited> {
  const renamed: Rewrite[] = []
  const removed: Removal[] = []
  const yaml = editYaml(text)
  for (let round = 0; ; round++) {
    const { loaded, problems, warnings } = await findings(file, yaml.text())
    const owners = componentPaths(loaded)
    const left = mendable(problems, yaml)
    if (round === maxRounds) return { text: yaml.text(), renamed, removed, left }
    const old = [...left, ...warnings].flatMap((problem) => rewriteOf(problem, owners, yaml) ?? [])
    const rewrites = yaml.rewrite(old.filter(({ path }, i) => old.findIndex((each) => each.path === path) === i))
    const rest = left.filter(({ path }) => !kept.has(path) && !rewrites.some((each) => each.path === path))
    const removals = rest.flatMap((problem) => removalOf(problem, { verdicts, owners, removed, yaml }))
    const done = yaml.remove(outermost(removals))
    renamed.push(...rewrites)
    removed.push(...done)
    if (rewrites.length + done.length === 0) return { text: yaml.text(), renamed, removed, left }
  }
}

const unreadableCodes = new Set(['TR_CONFIG_YAML', 'TR_CONFIG_ROOT', 'TR_CONFIG_EMPTY', 'TR_CONFIG_READ'])

interface Found {
  readonly loaded: LoadedConfig
  readonly catalogue: Catalogue
  readonly problems: Problem[]
  readonly warnings: Problem[]
}

/** What is wrong with the text, but for variables that only the place where it will run can tell. */
async function findings(file: string, text: string): Promise<Found> {
  const readFile = (path: string) => (path === file ? text : readFileSync(path, 'utf8'))
  const loaded = loadConfig([`file:${file}`], { set: [], env: process.env, readFile })
  const catalogue = new Catalogue()
  const plugins = await loadPlugins(loaded, [file], catalogue)
  const { problems, warnings } = await validate(loaded, catalogue)
  const unset = [...loaded.warnings, ...loaded.problems].filter(isUnset).map((each) => each.path)
  const all = [...plugins, ...problems].filter(
    (problem) => !isUnset(problem) && !unset.some((path) => comesOf(problem, path)),
  )
  return { loaded, catalogue, problems: all, warnings }
}

const isUnset = ({ code, message }: Problem): boolean =>
  code === 'TR_CONFIG_UNSET' || /unset environment variable|environment variable \S+ must be set/.test(message)

const ofValues = new Set(['TR_CONFIG_VALUE', 'TR_CONFIG_TYPE', 'TR_CONFIG_REQUIRED'])

/** Whether a problem is about a value that a variable should have given, or about a block around it. */
const comesOf = ({ code, path }: Problem, variable: string): boolean =>
  path === variable ||
  path.startsWith(`${variable}.`) ||
  (ofValues.has(code) && path !== '' && variable.startsWith(`${path}.`))

/** Leaves out values that are templates of a BOSH job: a secret comes in their place before a process reads the file. */
const mendable = (problems: readonly Problem[], yaml: EditedYaml): Problem[] =>
  problems.filter(({ path }) => !/\{\{\s*\.[\s\S]*\}\}/.test(yaml.scalarAt(path) ?? ''))

/** Settings that protect something are never taken out: without them more would get in, or out, than before. */
const protective = [
  /\.(tls|auth|client_auth|htpasswd)(\.|$)/,
  /^processors\.(attributes|resource|filter|probabilistic_sampler|redaction|tail_sampling|transform)\b/,
  /^extensions\.(basicauth|basic_auth|bearertokenauth|bearer_token_auth)\b/,
]

const isProtective = (path: string) => protective.some((pattern) => pattern.test(path))

/** How the Collector spells today what a problem or warning is about; undefined when that is not why. */
function rewriteOf({ code, path, message }: Problem, owners: readonly string[], yaml: EditedYaml): Rewrite | undefined {
  const value = yaml.scalarAt(path)
  switch (code) {
    case 'TR_CONFIG_COMPONENT': {
      const [section = '', ...rest] = path.split('.')
      return renamedComponent(path, section, rest.join('.'))
    }
    case 'TR_CONFIG_REFERENCE': {
      const [, kind, name] = notConfigured.exec(message) ?? []
      return kind && name ? renamedComponent(path, `${kind}s`, name) : undefined
    }
    case 'TR_CONFIG_KEY':
      return movedSetting(path, lastKey(path, owners), value)
    default:
      // Old Collectors replaced it, today's take it as it stands: a password must not change unseen.
      return isProtective(path) ? undefined : renamedVariables(path, value)
  }
}

const notConfigured = /references (\w+) "(.*)" which is not configured/

interface State {
  readonly verdicts: readonly ComponentVerdict[]
  /** Paths of the components as they are called now. */
  readonly owners: readonly string[]
  readonly removed: readonly Removal[]
  readonly yaml: EditedYaml
}

function removalOf(problem: Problem, { verdicts, owners, removed, yaml }: State): Removal[] {
  const { code, path, message } = problem
  const say = (what: string) => [{ path, comment: ` ${mark}${what}` }]
  const [section = '', ...rest] = path.split('.')
  const id = rest.join('.')
  switch (code) {
    case 'TR_CONFIG_COMPONENT': {
      const verdict = verdicts.find((each) => each.path === path)
      return say(`removed ${singular(section)} ${id}: ${verdict?.says.replace(/^not here: /, '') ?? message}`)
    }
    case 'TR_CONFIG_REFERENCE': {
      if (section !== 'service') return []
      const [, kind, name] = notConfigured.exec(message) ?? []
      return say(`removed the reference to ${kind ?? 'a component'} ${name ?? ''}`.trimEnd())
    }
    case 'TR_CONFIG_PIPELINE': {
      if (!/^service\.pipelines\../.test(path)) return []
      return say(`removed pipeline ${rest.slice(1).join('.')}: ${message.replace(/^service::pipelines::\S+: /, '')}`)
    }
    case 'TR_CONFIG_CONNECTOR':
      // Its other side went with something else.
      return removed.length > 0 ? say(`removed connector ${id}: one of its sides is gone`) : []
    case 'TR_CONFIG_KEY':
    case 'TR_CONFIG_VALUE':
    case 'TR_CONFIG_TYPE': {
      if (rest.length < 1 && code !== 'TR_CONFIG_KEY') return []
      // What a variable will hold elsewhere nobody knows here.
      if (yaml.scalarAt(path)?.includes('${')) return []
      if (owners.includes(path) || isProtective(path)) return []
      // What is unknown of its kind goes as a whole: without its type nothing of it means anything.
      const item = path.replace(/(\.\d+)\.type$/, '$1')
      const comment = ` ${mark}removed ${lastKey(item, owners)}: ${plainly(message)}`
      return [{ path: item, comment }]
    }
    default:
      return []
  }
}

const singular = (section: string) => section.replace(/s$/, '')

/** What stands below the component: `sending_queue.storage`. */
function lastKey(path: string, owners: readonly string[]): string {
  const owner = owners.find((each) => path.startsWith(`${each}.`))
  return owner ? path.slice(owner.length + 1) : path
}

const plainly = (message: string) => message.replace(/ \('.*' has invalid keys: .*\)$/, '').replace(/\s*\n\s*/g, ' ')

/** Of several removals one inside the other, and of several of one thing, the first and widest. */
function outermost(removals: readonly Removal[]): Removal[] {
  return removals.filter(
    ({ path }, i) => !removals.some((other, j) => path.startsWith(`${other.path}.`) || (other.path === path && j < i)),
  )
}

/**
 * `tailrace migrate FILE [-o OUT]`: the report goes to the standard error, the YAML to `out` or the standard output.
 * 0 when everything was known, 1 when something was not, 78 when the file cannot be read.
 */
export async function migrate(file: string, out?: string): Promise<number> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    process.stderr.write(`tailrace: ${readFailure(file, error).join('; ')}\n`)
    return ExitCode.config
  }
  if (out !== undefined && resolve(out) === resolve(file)) {
    process.stderr.write('tailrace: the new file would replace the old one: name another behind -o\n')
    return ExitCode.usage
  }
  const migration = await migrateText(file, text)
  process.stderr.write(migrationText(migration))
  if (migration.unreadable) return ExitCode.config
  if (out === undefined) process.stdout.write(migration.text)
  else writeFileSync(out, migration.text)
  const { verdicts, renamed, removed, left } = migration
  const whole = verdicts.every(({ known }) => known) && renamed.length + removed.length + left.length === 0
  return whole ? ExitCode.ok : ExitCode.failed
}

/** The report: components, what was taken out, what is left to do, and a last line that sums up. */
export function migrationText({ verdicts, idle, renamed, removed, left, unreadable }: Migration): string {
  const problems = formatProblems(left)
  if (unreadable) return `${problems}\n`
  const parts = [verdictsText(verdicts)]
  if (idle.length > 0) parts.push(`service\n${idle.map((line) => `  ${line}\n`).join('')}`)
  const respelt = renamed.filter(({ comment }) => comment !== '')
  if (respelt.length > 0)
    parts.push(`renamed\n${respelt.map(({ path, comment }) => `  ${path}: ${comment}\n`).join('')}`)
  // Components have been said already.
  const others = removed.filter(({ path }) => !verdicts.some((each) => each.path === path))
  if (others.length > 0)
    parts.push(`also removed\n${others.map(({ path, comment }) => `  ${path}: ${sentence(comment)}\n`).join('')}`)
  if (left.length > 0) parts.push(`left to do (places are those of the new file)\n${problems}\n`)
  const known = verdicts.filter(({ known }) => known).length
  const counts = [`${removed.length} places removed`, `${left.length} left to do`]
  if (renamed.length > 0) counts.unshift(`${renamed.length} places renamed`)
  parts.push(`${known} of ${verdicts.length} components are known, ${counts.join(', ')}\n`)
  return parts.join('\n')
}

/** Behind the path its name need not be said again. */
const sentence = (comment: string) =>
  comment.slice(mark.length + 1).replace(/^removed (?:(?!the reference)[^:]*: )?/, '')
