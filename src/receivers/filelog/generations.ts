import { readdirSync, type Stats, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** A file that may be an earlier generation of a log: `app.log.1`, `app.log-20261121`, `app.log.2026-11-21-09`. */
export interface Generation {
  readonly path: string
  readonly stat: Stats
}

const compressed = /\.(gz|bz2|xz|zst|lz4|Z|zip)$/
const mostScans = 5

/**
 * Plain files beside `path` that are named after it, oldest first. Looked at until two looks agree: names move on while
 * they are read, and what one look misses another has. `alsoInode` is found under any name.
 */
export function generationsOf(path: string, alsoInode = -1): Generation[] {
  const found = new Map<number, Generation>()
  let before = ''
  for (let scan = 0; scan < mostScans; scan++) {
    const seen = scanOnce(path, alsoInode)
    for (const each of seen) found.set(each.stat.ino, each)
    const now = seen.map((each) => `${each.path}=${each.stat.ino}`).join('\n')
    if (now === before) break
    before = now
  }
  return [...found.values()].sort((a, b) => a.stat.mtimeMs - b.stat.mtimeMs)
}

/** The plain files of a folder by their inodes. */
export function inodesIn(folder: string): Map<number, Generation> {
  const byInode = new Map<number, Generation>()
  for (const name of namesIn(folder)) {
    const path = join(folder, name)
    const stat = statOf(path)
    if (stat?.isFile()) byInode.set(stat.ino, { path, stat })
  }
  return byInode
}

function scanOnce(path: string, alsoInode: number): Generation[] {
  const folder = dirname(path)
  const base = basename(path)
  const byInode = new Map<number, Generation>()
  for (const name of namesIn(folder)) {
    const isNamed = name.startsWith(base) && /^[._-]?\d/.test(name.slice(base.length)) && !compressed.test(name)
    if (!isNamed && (alsoInode < 0 || name === base)) continue
    const full = join(folder, name)
    const stat = statOf(full)
    if (stat?.isFile() && (isNamed || stat.ino === alsoInode)) byInode.set(stat.ino, { path: full, stat })
  }
  return [...byInode.values()]
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** What is there, through links; undefined when nothing is, or may not be known. */
export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}
