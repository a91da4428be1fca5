import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The package's version, from the nearest package.json above this file (source tree or dist). */
export function version(): string {
  for (let dir = import.meta.dirname; ; dir = dirname(dir)) {
    const file = join(dir, 'package.json')
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
    if (dir === dirname(dir)) return 'unknown'
  }
}
