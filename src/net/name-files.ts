import { readFileSync, statSync } from 'node:fs'
import { isIP } from 'node:net'
import type { Clock } from '../runtime/clock.ts'

/** What the hosts file and resolv.conf say; looked at again when they changed, at most every five seconds. */
export interface NameFiles {
  /** Addresses that the hosts file has for a name, IPv4 first; `localhost` is always known. */
  hosts(name: string): readonly string[]
  /** The names to ask for, in order: with and without the search domains. */
  candidates(name: string): string[]
  /** Changes when resolv.conf has. */
  version(): number
}

const lookMs = 5000

export function newNameFiles(
  hostsPath = '/etc/hosts',
  resolvPath = '/etc/resolv.conf',
  clock: Pick<Clock, 'monotonic'>,
): NameFiles {
  const hosts = newFile(hostsPath, parseHosts, clock)
  const resolv = newFile(resolvPath, parseResolvConf, clock)
  return {
    hosts: (name) => {
      const key = name.toLowerCase().replace(/\.$/, '')
      return hosts.value().get(key) ?? (key === 'localhost' || key.endsWith('.localhost') ? ['127.0.0.1', '::1'] : [])
    },
    candidates(name) {
      if (name.endsWith('.')) return [name]
      const { search, ndots } = resolv.value()
      const longer = search.map((domain) => `${name}.${domain}`)
      return name.split('.').length > ndots ? [name, ...longer] : [...longer, name]
    },
    version: () => {
      resolv.value()
      return resolv.version
    },
  }
}

function newFile<T>(path: string, parse: (text: string) => T, clock: Pick<Clock, 'monotonic'>) {
  let looked = Number.NEGATIVE_INFINITY
  let seen = ''
  let value = parse('')
  const file = {
    version: 0,
    value(): T {
      if (clock.monotonic() - looked < lookMs) return value
      looked = clock.monotonic()
      try {
        const { mtimeMs, size, ino } = statSync(path)
        const now = `${ino}:${size}:${mtimeMs}`
        if (now === seen) return value
        value = parse(readFileSync(path, 'utf8'))
        seen = now
        file.version++
      } catch {
        // Without the file nothing is known beyond DNS; what was known stays while it is being replaced.
      }
      return value
    },
  }
  return file
}

/** `127.0.0.1 localhost alias # comment`, a line each. */
function parseHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [ip = '', ...list] = line.replace(/#.*/, '').trim().split(/\s+/)
    if (!isIP(ip)) continue
    for (const name of list) {
      const key = name.toLowerCase()
      names.set(key, [...(names.get(key) ?? []), ip])
    }
  }
  for (const ips of names.values()) ips.sort((a, b) => isIP(a) - isIP(b))
  return names
}

/** `search a.internal b.internal` and `options ndots:5`; the last of each counts. */
function parseResolvConf(text: string): { search: readonly string[]; ndots: number } {
  let search: string[] = []
  let ndots = 1
  for (const line of text.split('\n')) {
    const [word, ...rest] = line.trim().split(/\s+/)
    if (word === 'search' || word === 'domain') search = rest.slice(0, 6).map((domain) => domain.replace(/\.$/, ''))
    if (word === 'options') ndots = Number(/\bndots:(\d+)/.exec(line)?.[1] ?? ndots)
  }
  return { search: search.filter((domain) => domain !== ''), ndots: Math.min(ndots, 15) }
}
