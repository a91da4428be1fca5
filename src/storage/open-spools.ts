import { realpathSync } from 'node:fs'
import type { Spool } from './contract.ts'

const open = new Map<string, Spool>()

/** The queue of a folder that this process has open: for whoever is asked about it from outside. */
export function openSpoolOf(folder: string): Spool | undefined {
  const meant = realPath(folder)
  for (const [path, spool] of open) if (realPath(path) === meant) return spool
  return undefined
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

/** Says that a queue is open, until the answer is called. */
export function registerSpool(folder: string, spool: Spool): () => void {
  open.set(folder, spool)
  return () => {
    if (open.get(folder) === spool) open.delete(folder)
  }
}
