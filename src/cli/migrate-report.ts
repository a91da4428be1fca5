import { Catalogue, componentKinds } from '../components.ts'
import { isMap } from '../config/containers.ts'
import { describeOptions, type OptionRow } from '../config/describe.ts'
import type { LoadedConfig } from '../config/load.ts'
import { parseId, sectionOf, serviceFields } from '../config/schema.ts'
import { unwrapped } from '../config/substituted.ts'
import { successorOf } from './migrate-spellings.ts'

/** What is to be said about one component of a Collector's file. */
export interface ComponentVerdict {
  /** `exporters.otlp_grpc/backend` */
  readonly path: string
  readonly section: string
  readonly id: string
  readonly known: boolean
  /** `known`, `known as otlp`, `becomes debug`, `not here: <what to use instead>` */
  readonly says: string
  /** Settings that are written and change nothing here, each with the reason. */
  readonly idle: readonly string[]
}

/** One verdict for each component that is written, in the order of sections and of the file. */
export async function judgeComponents(loaded: LoadedConfig, catalogue = new Catalogue()): Promise<ComponentVerdict[]> {
  const verdicts: ComponentVerdict[] = []
  for (const kind of componentKinds) {
    const section = sectionOf[kind]
    for (const [id, settings] of entriesOf(loaded.value[section])) {
      const parsed = parseId(id)
      const type = typeof parsed === 'string' ? id : parsed.type
      const successor = successorOf(section, type)
      const spec = await catalogue.find(kind, successor ?? type)
      const known = spec !== undefined
      const instead = catalogue.hint(kind, type) ?? `there is no ${kind} of this type`
      const name = successor ? `becomes ${successor}` : spec?.type === type ? 'known' : `known as ${spec?.type}`
      const says = known ? name : `not here: ${instead}`
      const idle = known ? idleSettings(describeOptions(spec.config), settings) : []
      verdicts.push({ path: `${section}.${id}`, section, id, known, says, idle })
    }
  }
  return verdicts
}

/** `exporters.otlp_grpc/backend` and so on, for each component that is written. */
export function componentPaths(loaded: LoadedConfig): string[] {
  return componentKinds
    .map((kind) => sectionOf[kind])
    .flatMap((section) => entriesOf(loaded.value[section]).map(([id]) => `${section}.${id}`))
}

/** Settings of `service` that are written and change nothing here. */
export function idleServiceSettings(loaded: LoadedConfig): string[] {
  return idleSettings(describeOptions(serviceFields), loaded.value.service).map((line) => `service.${line}`)
}

/** Option tables call a setting that is read but means nothing "Accepted ...". */
function idleSettings(rows: readonly OptionRow[], settings: unknown): string[] {
  const idle = rows.filter(({ key, doc }) => /^Accepted\b/.test(doc) && isWritten(settings, key.split('.')))
  const outermost = idle.filter(({ key }) => !idle.some((other) => key.startsWith(`${other.key}.`)))
  return outermost.map(({ key }) => {
    const docs = idle.filter((each) => each.key === key || each.key.startsWith(`${key}.`)).map(({ doc }) => doc)
    const reason = docs.map((doc) => /[;:] (.*)$/.exec(doc)?.[1]).find((each) => each !== undefined)
    return `${key} changes nothing here${reason === undefined ? '' : `: ${reason.replace(/\.$/, '')}`}`
  })
}

function isWritten(settings: unknown, [head, ...rest]: readonly string[]): boolean {
  if (head === undefined) return true
  const value = unwrapped(settings)
  if (!isMap(value)) return false
  if (head === '*') return Object.values(value).some((each) => isWritten(each, rest))
  const name = head.replace(/\[\]$/, '')
  if (!Object.hasOwn(value, name)) return false
  if (name === head) return isWritten(value[name], rest)
  const items = unwrapped(value[name])
  return Array.isArray(items) && items.some((item) => isWritten(item, rest))
}

const entriesOf = (section: unknown): [string, unknown][] => {
  const given = unwrapped(section)
  return isMap(given) ? Object.entries(given) : []
}

/** The verdicts as people read them, section by section. */
export function verdictsText(verdicts: readonly ComponentVerdict[]): string {
  const width = Math.max(0, ...verdicts.map(({ id }) => id.length))
  const sections = [...new Set(verdicts.map(({ section }) => section))]
  const lines = sections.flatMap((section) => [
    section,
    ...verdicts
      .filter((verdict) => verdict.section === section)
      .flatMap(({ id, says, idle }) => [`  ${id.padEnd(width)}  ${says}`, ...idle.map((line) => `    ${line}`)]),
  ])
  return lines.map((line) => `${line}\n`).join('')
}
