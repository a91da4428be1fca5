import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import type { Binding } from '../../drains/bindings.ts'
import { isDrainFault, parseDrainUrl } from '../../drains/drain-url.ts'

export interface AggregateDrains {
  /** null when there are none: that is what agents are told. */
  readonly drains: readonly Binding[] | null
  /** What looks wrong; agents get these drains all the same. */
  readonly warnings: readonly string[]
}

const keys = ['url', 'cert', 'key', 'ca'] as const

/**
 * Reads the file of drains that get everything: a list of maps with `url`, `cert`, `key`, `ca` (in any case; the original's
 * example writes `CA`), lists in it and texts of URLs with commas between. Throws when the file is not that.
 */
export function readAggregateDrains(path: string): AggregateDrains {
  let tree: unknown
  try {
    tree = parse(readFileSync(path, 'utf8'))
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).syscall ? (error as Error).message : 'it is not YAML'
    throw new Error(`failed to read the aggregate drains file ${path}: ${reason}`)
  }
  const warnings: string[] = []
  const drains = (tree === null || tree === undefined ? [] : items(tree)).map((item, i) =>
    drain(item, i, path, warnings),
  )
  return { drains: drains.length > 0 ? drains : null, warnings }
}

/** Nested lists are flattened; a text is URLs with commas between. */
function items(tree: unknown): unknown[] {
  if (Array.isArray(tree)) return tree.flatMap(items)
  if (typeof tree !== 'string') return [tree]
  return tree.split(',').flatMap((url) => (url.trim() === '' ? [] : [{ url: url.trim() }]))
}

function drain(item: unknown, i: number, path: string, warnings: string[]): Binding {
  const where = `aggregate drain ${i + 1} of ${path}`
  if (typeof item !== 'object' || item === null) throw new Error(`${where} is not a map with url, cert, key and ca`)
  const found = { url: '', cert: '', key: '', ca: '' }
  for (const [name, value] of Object.entries(item)) {
    const key = keys.find((known) => known === name.toLowerCase())
    if (!key) warnings.push(`${where}: "${name}" means nothing; known are ${keys.join(', ')}`)
    else if (value !== null && typeof value !== 'string') throw new Error(`${where}: ${key} is not text`)
    else found[key] = value ?? ''
  }
  const url = parseDrainUrl(found.url, { defaultMetadata: true })
  if (isDrainFault(url)) warnings.push(`${where}: ${url.message}`)
  const { cert, key, ca } = found
  return { url: found.url, credentials: [{ cert, key, ca, apps: null }] }
}
