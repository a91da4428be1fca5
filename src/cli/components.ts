import { componentKinds } from '../components.ts'
import { describeOptions } from '../config/describe.ts'
import { nearest } from '../config/nearest.ts'
import type { AnySpec, ExporterSpec, Format } from '../plugin.ts'
import { ExitCode } from './exit-codes.ts'
import { catalogueWith } from './plugins.ts'

/**
 * Lists the catalogue, or prints everything about the components of one name: `statsd`, `receiver/statsd`. The plugins
 * that `files` name are part of it.
 */
export async function components(name: string | undefined, files: readonly string[] = []): Promise<number> {
  const { catalogue, problems } = await catalogueWith(files)
  if (problems !== '') {
    process.stderr.write(problems)
    return ExitCode.config
  }
  const all = await catalogue.all()
  if (name === undefined) {
    process.stdout.write(
      componentKinds
        .flatMap((kind) =>
          listing(
            kind,
            all.filter((spec) => spec.kind === kind),
          ),
        )
        .join('\n'),
    )
    return ExitCode.ok
  }
  const found = all.filter(
    (spec) => spec.type === name || `${spec.kind}/${spec.type}` === name || spec.aliases?.includes(name),
  )
  if (found.length === 0) {
    const near = nearest(
      name,
      all.map((spec) => spec.type),
    )
    process.stderr.write(`tailrace: there is no component "${name}"${near ? `; did you mean "${near}"?` : ''}\n`)
    return ExitCode.failed
  }
  process.stdout.write(found.map(page).join('\n'))
  return ExitCode.ok
}

function listing(kind: string, specs: readonly AnySpec[]): string[] {
  if (specs.length === 0) return []
  const width = Math.max(...specs.map((spec) => spec.type.length))
  return [`${kind}s`, ...specs.map((spec) => `  ${spec.type.padEnd(width)}  ${spec.summary}`), '']
}

function page(spec: AnySpec): string {
  const lines = [`${spec.kind} ${spec.type} (${spec.stability})`, `  ${spec.summary}`, '']
  if (spec.aliases) lines.push(`  also known as: ${spec.aliases.join(', ')}`)
  if ('takes' in spec) lines.push(`  takes: ${formats(spec.takes)}`)
  if ('makes' in spec) lines.push(`  makes: ${formats(spec.makes)}`)
  if (spec.kind === 'exporter') lines.push(...promise(spec))
  lines.push('', '  options:')
  for (const { key, type, default: value, unit, doc } of describeOptions(spec.config)) {
    const preset = value === '' ? '' : value === 'required' ? ', required' : `, default ${value}`
    lines.push(`    ${key} (${type}${unit ? `, ${unit}` : ''}${preset})`, `        ${doc}`)
  }
  return `${lines.join('\n')}\n`
}

function promise({ delivery }: ExporterSpec): string[] {
  const { semantics, order, on_kill } = delivery
  return [`  delivery: ${semantics}; order: ${order}; lost by a kill: ${on_kill}`]
}

const formats = (list: readonly Format[] | ((config: never) => readonly Format[])) =>
  typeof list === 'function' ? 'depends on its options' : list.join(', ')
