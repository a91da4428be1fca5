import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'

/** What checkpoints need of a disk. All throw what the system says. */
export interface CheckpointDisk {
  /** Undefined: there is none. */
  read(): string | undefined
  /** All or nothing, even when the power goes. */
  replace(text: string): void
  /** Adds to what `replace` wrote. After it threw the end of the file may be torn. */
  append(text: string): void
  /** Moves the file out of the way; answers its new name. */
  putAside(): string
  close(): void
}

/** The file at `path`, readable by its owner alone. */
export function newCheckpointDisk(path: string): CheckpointDisk {
  let fd = -1
  const close = () => {
    if (fd >= 0) closeSync(fd)
    fd = -1
  }
  return {
    read() {
      try {
        return readFileSync(path, 'utf8')
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      }
    },
    replace(text) {
      close()
      fd = openSync(`${path}.new`, 'w', 0o600)
      try {
        writeAll(fd, text)
        fsyncSync(fd)
        renameSync(`${path}.new`, path)
      } catch (error) {
        close()
        throw error
      }
    },
    append: (text) => writeAll(fd, text),
    putAside() {
      renameSync(path, `${path}.corrupt`)
      return `${path}.corrupt`
    },
    close,
  }
}

function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text)
  for (let pos = 0; pos < bytes.length; ) pos += writeSync(fd, bytes, pos)
}
