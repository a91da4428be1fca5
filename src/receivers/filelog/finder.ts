import { readdirSync } from 'node:fs'
import { statOf } from './generations.ts'
import { type GlobPattern, parseGlob, pathMatcher, type Segment } from './glob-pattern.ts'

/** Finds the paths that globs name. */
export interface Finder {
  /** Paths without those excluded. The same array as before when no folder has changed. `now`: wall time. */
  find(now: number): readonly string[]
}

interface Folder {
  mtimeMs: number
  readAt: number
  names: readonly string[]
  /** Those that are folders, or links that may be. */
  folders: readonly string[]
  /** Folders that are no links: what `**` goes into. */
  deep: readonly string[]
  usedIn: number
}

/** A change so soon after a reading may have the same time of change. */
const racyMs = 2000
/** Some network file systems do not change the time of a folder. */
const distrustMs = 10_000

/** Folders are read again only when their time of change says so: a glob over 10,000 files costs one `stat` a poll. */
export function newFinder(include: readonly string[], exclude: readonly string[]): Finder {
  const patterns = include.flatMap(parseGlob)
  const excluded = exclude.map(pathMatcher)
  const cache = new Map<string, Folder>()
  let round = 0
  let changed = true
  let found: readonly string[] = []
  let now = 0
  /** Folders that were not there, or could not be read. */
  let missing = 0

  const isFresh = (known: Folder, mtimeMs: number) =>
    known.mtimeMs === mtimeMs && mtimeMs < known.readAt - racyMs && Math.abs(now - known.readAt) < distrustMs
  /** Nothing has changed anywhere: what was found before still stands. */
  const isUnchanged = () => {
    for (const [path, folder] of cache) {
      const stat = statOf(path || '.')
      if (!stat?.isDirectory() || !isFresh(folder, stat.mtimeMs)) return false
    }
    return true
  }
  const folderAt = (path: string): Folder | undefined => {
    let known = cache.get(path)
    if (known?.usedIn === round) return known
    const stat = statOf(path || '.')
    try {
      if (!stat?.isDirectory()) throw undefined
      if (!known || !isFresh(known, stat.mtimeMs)) {
        const next = readFolder(path, stat.mtimeMs, now)
        if (!known || known.names.join('/') !== next.names.join('/')) changed = true
        known = next
        cache.set(path, known)
      }
      known.usedIn = round
      return known
    } catch {
      missing++
      if (cache.delete(path)) changed = true
      return undefined
    }
  }
  const walk = (path: string, { segments }: GlobPattern, at: number, to: Set<string>) => {
    const segment = segments[at]!
    const isLast = at === segments.length - 1
    if ('name' in segment) {
      const next = join(path, segment.name)
      if (isLast) to.add(next)
      else walk(next, { isAbsolute: false, segments }, at + 1, to)
      return
    }
    const folder = folderAt(path)
    if (!folder) return
    if ('deep' in segment) {
      if (isLast) for (const name of folder.names) to.add(join(path, name))
      else walk(path, { isAbsolute: false, segments }, at + 1, to)
      for (const name of folder.deep) walk(join(path, name), { isAbsolute: false, segments }, at, to)
      return
    }
    for (const name of isLast ? folder.names : folder.folders) {
      if (!matches(segment, name)) continue
      const next = join(path, name)
      if (isLast) to.add(next)
      else walk(next, { isAbsolute: false, segments }, at + 1, to)
    }
  }
  return {
    find(time) {
      now = time
      if (round > 0 && isUnchanged() && missing === 0) return found
      round++
      missing = 0
      changed = round === 1
      const all = new Set<string>()
      for (const pattern of patterns) walk(pattern.isAbsolute ? '/' : '', pattern, 0, all)
      for (const [path, folder] of cache) if (folder.usedIn !== round) cache.delete(path)
      if (changed) found = [...all].filter((path) => !excluded.some((pattern) => pattern.test(path)))
      return found
    },
  }
}

const matches = (segment: Segment, name: string) => 'matches' in segment && segment.matches.test(name)
const join = (folder: string, name: string) =>
  folder === '' || folder === '/' ? `${folder}${name}` : `${folder}/${name}`

function readFolder(path: string, mtimeMs: number, readAt: number): Folder {
  const entries = readdirSync(path || '.', { withFileTypes: true })
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  return {
    mtimeMs,
    readAt,
    names: entries.map((entry) => entry.name),
    folders: entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map((entry) => entry.name),
    deep: entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name),
    usedIn: 0,
  }
}
