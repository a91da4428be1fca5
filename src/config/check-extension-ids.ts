import { type Declared, type Findings, report } from './check-components.ts'
import { isMap } from './containers.ts'
import { keyHint } from './issues.ts'
import { nearest } from './nearest.ts'
import { type ComponentConfig, formatId, parseId, type ServiceSettings, sectionOf } from './schema.ts'
import { eachExtensionId } from './schema-walk.ts'
import { unwrapped } from './substituted.ts'

/** Extensions that components name (`auth: {authenticator: basicauth}`) must be configured, and started by the service. */
export function checkExtensionIds(
  findings: Findings,
  declared: Declared,
  used: readonly ComponentConfig[],
  service: ServiceSettings | undefined,
): void {
  for (const { kind, key, path, entry } of used) {
    const section = unwrapped(findings.loaded.value[sectionOf[kind]])
    const settings = isMap(section) ? section[path[1]!] : undefined
    eachExtensionId(entry.config, settings, path, (at, written) => {
      const parsed = parseId(written)
      const id = typeof parsed === 'string' ? written : formatId(parsed)
      const label = `${sectionOf[kind]}::${key}`
      if (!declared.extension.has(id)) {
        const message = `${label}: references extension "${id}" which is not configured`
        report(findings, 'TR_CONFIG_REFERENCE', at, message, { hint: hintFor(id, [...declared.extension.keys()]) })
      } else if (service && !service.extensions.includes(id)) {
        const message = `${label}: references extension "${id}" which the service does not start`
        const list = [...service.extensions, id].join(', ')
        report(findings, 'TR_CONFIG_REFERENCE', at, message, { hint: `write service: {extensions: [${list}]}` })
      }
    })
  }
}

function hintFor(id: string, known: readonly string[]): string {
  if (known.length === 0) return 'configure it under extensions and name it in service.extensions'
  const all = `configured are: ${known.join(', ')}`
  return nearest(id, known) === undefined ? all : `${keyHint(id, known)} ${all.replace('c', 'C')}`
}
