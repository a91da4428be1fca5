// biome-ignore-all lint/suspicious/noTemplateCurlyInString: texts show references as they are written
import { oldVariable } from '../config/template.ts'
import type { Rewrite } from './migrate-edits.ts'

/** Components that the Collector replaced by one that does the same. */
const successors: Readonly<Record<string, Readonly<Record<string, string>>>> = { exporters: { logging: 'debug' } }

/** The type that a component of this type has become: `debug` for the exporter `logging`. */
export const successorOf = (section: string, type: string): string | undefined => successors[section]?.[type]

/** What the exporter logging called its levels. */
const verbosities: Readonly<Record<string, string>> = {
  debug: 'detailed',
  info: 'normal',
  warn: 'basic',
  error: 'basic',
}

/** Settings that the Collector moved, by their last key: where they stand now, seen from the block they stood in. */
const moved: readonly [RegExp, string[]][] = [
  [/^(insecure|insecure_skip_verify|ca_file|cert_file|key_file|server_name_override)$/, ['tls', '$1']],
  [/^cors_allowed_(origins|headers)$/, ['cors', 'allowed_$1']],
  [/^tls_settings$/, ['tls']],
]

/** A component, or the reference to one, of a type that has a successor: written with the new type. */
export function renamedComponent(path: string, section: string, id: string): Rewrite | undefined {
  const [type = '', ...name] = id.split('/')
  const successor = successorOf(section, type)
  if (successor === undefined) return undefined
  const becomes = [successor, ...name].join('/')
  return path.startsWith('service.')
    ? { path, value: becomes, comment: '' }
    : { path, to: [becomes], comment: `${section.replace(/s$/, '')} ${type} is ${successor} now` }
}

/** A setting that is unknown because it has another name or place by now. `key` is what stands below the component. */
export function movedSetting(path: string, key: string, value: string | undefined): Rewrite | undefined {
  const last = key.split('.').at(-1)!
  if (/^exporters\.debug\b/.test(path) && /^loglevel$/i.test(key)) {
    const verbosity = verbosities[value?.toLowerCase() ?? '']
    const comment = `${key} is verbosity now`
    return verbosity === undefined ? undefined : { path, to: ['verbosity'], value: verbosity, comment }
  }
  for (const [pattern, to] of moved) {
    if (!pattern.test(last)) continue
    const keys = to.map((part) => last.replace(pattern, part))
    return { path, to: keys, comment: `${last} is ${keys.join('.')} now` }
  }
  return undefined
}

/** Text with variables as old Collectors took them: `$NAME` becomes `${env:NAME}`. */
export function renamedVariables(path: string, value: string | undefined): Rewrite | undefined {
  if (value === undefined || !oldVariable.test(value)) return undefined
  const becomes = value.replaceAll(new RegExp(oldVariable, 'g'), '$1${env:$2}')
  return { path, value: becomes, comment: '$NAME is ${env:NAME} now' }
}
