import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { root } from './process.ts'

/** One import of a file of ours. Paths are from the root: `src/wire/protobuf.ts`. */
export interface Import {
  readonly from: string
  /** A path of ours, or what is imported from elsewhere: `node:fs`, `yaml`, `tailrace/plugin`. */
  readonly to: string
  readonly line: number
  /** Gone at run time. */
  readonly typeOnly: boolean
  /** `import()`: loaded later, when asked for. */
  readonly dynamic: boolean
}

const isTest = (path: string) => /\.(test|fixture)\.ts$|test-kit\.ts$|\/testing\//.test(path)

/** Every file of the program: no tests, no helpers of tests. */
export function sourceFiles(): string[] {
  return ['src', 'plugins'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .map((file) => join(folder, String(file)))
      .filter((file) => file.endsWith('.ts') && !isTest(file)),
  )
}

const statement = /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm

export function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8')
  return (
    [...text.matchAll(statement)]
      // A type in the middle of a line: `import('x').Y` after a colon or an angle bracket is no import at run time.
      .filter((match) => match[3] === undefined || !/[:<|]\s*(typeof\s+)?$/.test(text.slice(0, match.index)))
      .map((match) => {
        const target = (match[2] ?? match[3])!
        const to = target.startsWith('.') ? relative(root, resolve(root, dirname(file), target)) : target
        const line = text.slice(0, match.index).split('\n').length
        return { from: file, to, line, typeOnly: match[1] !== undefined, dynamic: match[3] !== undefined }
      })
  )
}

/** A path of files that leads back to its start, if there is one: imports that hold at load time. */
export function findCycle(files: readonly string[]): string[] | undefined {
  const known = new Set(files)
  const next = new Map(
    files.map((file) => [
      file,
      importsOf(file).filter(({ to, typeOnly, dynamic }) => known.has(to) && !typeOnly && !dynamic),
    ]),
  )
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (done.has(file)) return undefined
    for (const { to } of next.get(file)!) {
      const cycle = visit(to, [...path, file])
      if (cycle) return cycle
    }
    done.add(file)
    return undefined
  }
  for (const file of files) {
    const cycle = visit(file, [])
    if (cycle) return cycle
  }
  return undefined
}
