import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { certificateFolder } from './certificates.ts'
import { newFolder } from './folder.ts'
import { freePort } from './free-port.ts'
import { type Role, startProcess } from './role.ts'

const files = new URL('../testdata/collector-files/', import.meta.url).pathname

/** A running tailrace with a Collector's file, moved to ports of its own. */
export interface CollectorFile {
  role: Role
  /** Where the port of the file is: `at(4317)` is `127.0.0.1:40123`. */
  at(port: number): string
  /** The folder that the file calls OUT. */
  out: string
}

export interface CollectorFileOptions {
  /** Hosts of the file that stand for somebody in the test: `{'backend:4317': '127.0.0.1:40123'}`. */
  hosts?: Record<string, string>
  env?: Record<string, string>
  /** What lies in OUT before. */
  out?: Record<string, string>
  args?: readonly string[]
}

const listening = /(?:0\.0\.0\.0|localhost|127\.0\.0\.1)?:(\d{4,5})\b|\bport: (\d{4,5})\b/g

/**
 * Runs `test/testdata/collector-files/<name>.yaml` by the Collector's command line, as it stands but for places: every port
 * is a free one of loopback, CERTS is a folder of certificates, OUT an empty one.
 */
export async function startCollectorFile(name: string, options: CollectorFileOptions = {}): Promise<CollectorFile> {
  let text = readFileSync(join(files, `${name}.yaml`), 'utf8')
  const out = newFolder(options.out)
  text = text.replaceAll('CERTS/', `${certificateFolder()}/`).replaceAll('OUT/', `${out}/`)
  // Addresses of the test must not be moved.
  const hosts = Object.entries(options.hosts ?? {})
  for (const [i, [host]] of hosts.entries()) text = text.replaceAll(host, `HOST-${i}-`)
  const ports = new Map<string, number>()
  for (const [, after, port] of text.matchAll(listening)) {
    const written = (after ?? port)!
    if (!ports.has(written)) ports.set(written, await freePort())
  }
  text = text.replace(listening, (_, after, port) =>
    after ? `127.0.0.1:${ports.get(after)}` : `port: ${ports.get(port)}`,
  )
  for (const [i, [, place]] of hosts.entries()) text = text.replaceAll(`HOST-${i}-`, place)
  const file = join(newFolder({ 'otel.yaml': text }), 'otel.yaml')
  const role = startProcess(['--config', file, ...(options.args ?? [])], options.env ?? {})
  await role.line(/^ready: everything is running/)
  return { role, out, at: (port) => `127.0.0.1:${ports.get(String(port))}` }
}
