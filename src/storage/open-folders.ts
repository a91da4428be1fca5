import { realpathSync } from 'node:fs'

/** What this process has open in which folder: for whoever is asked about it from outside. */
export class OpenFolders<T> {
  private readonly open = new Map<string, T>()

  /** Whatever path names the folder. */
  at(folder: string): T | undefined {
    const meant = realPath(folder)
    for (const [path, one] of this.open) if (realPath(path) === meant) return one
    return undefined
  }

  /** Says that it is open, until the answer is called. */
  enter(folder: string, one: T): () => void {
    this.open.set(folder, one)
    return () => {
      if (this.open.get(folder) === one) this.open.delete(folder)
    }
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
