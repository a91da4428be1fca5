import { readFileSync } from 'node:fs'
import { isMap, parseDocument, Scalar } from 'yaml'
import type { Log } from '../plugin.ts'
import { glob } from '../runtime/glob.ts'

/** Who reads a destination: files with `protocol: otelcol` are for the OTLP exporter, all others for Loggregator's. */
export type IngressProtocol = 'otelcol' | 'loggregator'

/** An agent on this machine that left a file with its port. */
export interface IngressPort {
  readonly file: string
  /** `127.0.0.1:9100`: the port as it was written. */
  readonly destination: string
}

/**
 * Destinations of one protocol, in lexicographic order of their files: `ingress: 9100` and `protocol: otelcol` (or
 * another, or none), other keys ignored. Files without a port are named in the log and skipped. The empty pattern has
 * no files. Throws on a bad pattern, an unreadable file and bad YAML, in the words of the original agent.
 */
export function readIngressPorts(pattern: string, protocol: IngressProtocol, log: Log): IngressPort[] {
  const found: IngressPort[] = []
  for (const file of filesOf(pattern)) {
    const entry = readEntry(file)
    // Each file is spoken of by one exporter only, the one that would use it.
    if ((entry.protocol === 'otelcol' ? 'otelcol' : 'loggregator') !== protocol) continue
    if (entry.ingress === '') log.line(`No ingress port defined in ${file}. Ignoring this destination.`)
    else if (!isPort(entry.ingress))
      log.warn(`${file}: ${JSON.stringify(entry.ingress)} is no port. Ignoring this destination.`)
    else found.push({ file, destination: `127.0.0.1:${entry.ingress}` })
  }
  return found
}

const isPort = (text: string) => /^\d{1,5}$/.test(text) && Number(text) <= 65_535

function filesOf(pattern: string): string[] {
  try {
    return glob(pattern)
  } catch (error) {
    throw new Error(`Unable to read downstream port location: ${(error as Error).message}`, { cause: error })
  }
}

function readEntry(file: string): { ingress: string; protocol: string } {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new Error(`cannot read file: ${(error as Error).message}`, { cause: error })
  }
  const doc = parseDocument(text)
  const wrong = doc.errors[0]
  if (wrong) throw new Error(`Unmarshal: ${file}: ${wrong.message}`)
  if (doc.contents === null) return { ingress: '', protocol: '' }
  if (!isMap(doc.contents)) throw new Error(`Unmarshal: ${file}: expected a map such as "ingress: 3459"`)
  const value = (key: string) => scalarText(doc.get(key, true), file, key)
  return { ingress: value('ingress'), protocol: value('protocol') }
}

/** The text of a scalar as it was written, so that a port is not read as a number. */
function scalarText(node: unknown, file: string, key: string): string {
  if (node === undefined) return ''
  if (!(node instanceof Scalar)) throw new Error(`Unmarshal: ${file}: ${key} must be text or a number`)
  if (node.value === null) return ''
  return node.type === 'PLAIN' && node.source !== undefined ? node.source : String(node.value)
}
