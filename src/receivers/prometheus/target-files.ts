import { readFileSync } from 'node:fs'
import { isScalar, parseAllDocuments, visit } from 'yaml'
import { plainScalar } from '../../config/scalar.ts'
import { Fault, parseDuration } from '../../config/units.ts'
import { BadPattern, glob } from '../../runtime/glob.ts'
import type { Log } from '../../runtime/log.ts'

/** One target file, its defaults filled in. */
export interface TargetFile {
  readonly file: string
  readonly port: number
  readonly sourceId: string
  readonly instanceId: string
  readonly scheme: string
  readonly serverName: string
  /** Begins with a slash. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  /** 0 and less: not scraped. */
  readonly intervalMs: number
  readonly caPath: string
  readonly clientCertPath: string
  readonly clientKeyPath: string
}

/**
 * Reads the files of all patterns, in their order and sorted within a pattern; a file matched twice counts twice. Files
 * without a sound port are left out with a line in the log. Throws when a file cannot be read or is no YAML.
 */
export function readTargetFiles(globs: readonly string[], defaultIntervalMs: number, log: Log): TargetFile[] {
  return globs
    .flatMap((glob) => filesOf(glob, log))
    .flatMap((file) => readTargetFile(file, defaultIntervalMs, log) ?? [])
}

function filesOf(pattern: string, log: Log): string[] {
  try {
    return glob(pattern)
  } catch (error) {
    if (!(error instanceof BadPattern)) throw error
    log.line(`unable to read config from glob: ${pattern}`)
    return []
  }
}

function readTargetFile(file: string, defaultIntervalMs: number, log: Log): TargetFile | undefined {
  const values = new Values(file, readText(file))
  const port = values.text('port', '')
  // Up to 65536, as the original counts.
  if (!/^\d+$/.test(port) || Number(port) < 1 || Number(port) > 65_536) {
    log.line(`Prom scraper config at ${file} does not have a valid port - skipping this config file`)
    return undefined
  }
  return {
    file,
    port: Number(port),
    sourceId: values.text('source_id', ''),
    instanceId: values.text('instance_id', ''),
    scheme: values.text('scheme', 'http'),
    serverName: values.text('server_name', ''),
    path: `/${values.text('path', '/metrics').replace(/^\//, '')}`,
    headers: values.map('headers'),
    labels: values.map('labels'),
    intervalMs: values.interval(defaultIntervalMs, log),
    caPath: values.text('ca_path', ''),
    clientCertPath: values.text('client_cert_path', ''),
    clientKeyPath: values.text('client_key_path', ''),
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new Error(`cannot read file: ${(error as Error).message}`, { cause: error })
  }
}

const nulls = new Set(['', '~', 'null', 'Null', 'NULL'])

/** The keys of a target file. Text is what stands in the file, whatever YAML takes it for: `1.50` stays `1.50`. */
class Values {
  private readonly file: string
  private readonly root: Record<string, unknown>
  /** Plain scalars, which may be numbers; quoted ones are not in it. */
  private readonly plain = new Set<string>()

  constructor(file: string, text: string) {
    this.file = file
    let root: unknown
    try {
      root = this.parse(text)
    } catch (error) {
      throw new Error(`unmarshal: ${file}: ${(error as Error).message.split('\n')[0]}`, { cause: error })
    }
    if (!isMap(root)) throw new Error(`unmarshal: ${file}: expected a map of settings such as "port: 9100"`)
    this.root = root
  }

  private parse(text: string): unknown {
    const document = [...parseAllDocuments(text, { schema: 'failsafe' })][0]
    if (!document) return {}
    if (document.errors[0]) throw document.errors[0]
    visit(document, {
      Pair: (_, { key, value }) => {
        if (isScalar(key) && isScalar(value) && value.type === 'PLAIN') this.plain.add(String(key.value))
      },
      Scalar: (_, node) => {
        if (node.type === 'PLAIN' && nulls.has(String(node.value))) node.value = null
      },
    })
    return document.toJS() ?? {}
  }

  text(key: string, whenAbsent: string): string {
    return Object.hasOwn(this.root, key) ? this.scalar(this.root[key], key) : whenAbsent
  }

  map(key: string): Record<string, string> {
    const given = this.root[key] ?? {}
    if (!isMap(given)) throw this.wrong(key, 'a map')
    return Object.fromEntries(
      Object.entries(given).map(([name, value]) => [name, this.scalar(value, `${key}.${name}`)]),
    )
  }

  /** Milliseconds; 0 when the target is not to be scraped. */
  interval(whenAbsent: number, log: Log): number {
    const text = this.text('scrape_interval', '')
    if (!Object.hasOwn(this.root, 'scrape_interval')) return whenAbsent
    if (text === '') return 0
    const number = this.plain.has('scrape_interval') ? plainScalar(text) : undefined
    if (number === 0) return 0
    if (typeof number === 'number') {
      log.error(`scrape_interval ${text} in ${this.file} has no unit: this target is not scraped; write "${text}s"`)
      return 0
    }
    const ms = parseDuration(text)
    if (ms instanceof Fault) throw new Error(`unmarshal: ${this.file}: scrape_interval: ${ms.message}; ${ms.hint}`)
    return Math.max(ms, 0)
  }

  private scalar(value: unknown, key: string): string {
    if (value === null || value === undefined) return ''
    if (typeof value === 'string') return value
    throw this.wrong(key, 'text')
  }

  private wrong(key: string, expected: string): Error {
    return new Error(`unmarshal: ${this.file}: ${key}: expected ${expected}`)
  }
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
