import * as fs from 'node:fs'
import { mkdir, readdir, rename, stat, unlink } from 'node:fs/promises'
import { promisify } from 'node:util'

// Numbers instead of FileHandles: one that is forgotten behind a disk that never answers would end the process.
const calls = {
  open: promisify(fs.open),
  fstat: promisify(fs.fstat),
  write: promisify(fs.write),
  writev: promisify(fs.writev),
  read: promisify(fs.read),
  truncate: promisify(fs.ftruncate),
  sync: promisify(fs.fdatasync),
  close: promisify(fs.close),
}

/** An open file that is only written at its end. All calls reject with what the system says. */
export interface OpenFile {
  /** Bytes when it was opened. */
  readonly size: number
  /** Device and inode: tells whether a path still leads here. */
  readonly id: string
  /** Writes all of the parts in order. After a failure some of them may stand in the file. */
  write(parts: readonly Buffer[]): Promise<void>
  read(at: number, length: number): Promise<Buffer>
  truncate(size: number): Promise<void>
  sync(): Promise<void>
  close(): Promise<void>
}

/** What the exporter needs of a disk: a seam for tests, since disks are hard to fill. */
export interface Disk {
  open(path: string, fresh: boolean): Promise<OpenFile>
  /** Undefined: there is nothing. */
  idOf(path: string): Promise<string | undefined>
  rename(from: string, to: string): Promise<void>
  list(folder: string): Promise<string[]>
  remove(path: string): Promise<void>
  makeFolder(path: string, mode: number): Promise<void>
}

// Always at the end: after a cut the next write must not leave a hole.
const { O_APPEND, O_CREAT, O_RDWR, O_TRUNC } = fs.constants
const atEnd = O_RDWR | O_CREAT | O_APPEND

const hasCode = (error: unknown, code: string) => (error as NodeJS.ErrnoException).code === code
const idFrom = ({ dev, ino }: { dev: number | bigint; ino: number | bigint }) => `${dev}:${ino}`

export const systemDisk: Disk = {
  open: openFile,
  async idOf(path) {
    try {
      return idFrom(await stat(path))
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined
      throw error
    }
  },
  rename,
  list: (folder) => readdir(folder),
  remove: unlink,
  async makeFolder(path, mode) {
    await mkdir(path, { recursive: true, mode })
  },
}

async function openFile(path: string, fresh: boolean): Promise<OpenFile> {
  const fd = await calls.open(path, fresh ? atEnd | O_TRUNC : atEnd, 0o600)
  try {
    const found = await calls.fstat(fd)
    if (!found.isFile()) throw new Error(`${path} is not a regular file`)
    return fileOf(fd, found)
  } catch (error) {
    await calls.close(fd)
    throw error
  }
}

function fileOf(fd: number, found: fs.Stats): OpenFile {
  return {
    size: found.size,
    id: idFrom(found),
    async write(parts) {
      const wanted = parts.reduce((sum, part) => sum + part.length, 0)
      let { bytesWritten: done } = await calls.writev(fd, parts as Buffer[])
      if (done === wanted) return
      // The system took a part of it: the rest in one piece, until it says why.
      const rest = Buffer.concat(parts)
      while (done < wanted) done += (await calls.write(fd, rest, done)).bytesWritten
    },
    async read(at, length) {
      const bytes = Buffer.alloc(length)
      const { bytesRead } = await calls.read(fd, bytes, 0, length, at)
      return bytes.subarray(0, bytesRead)
    },
    truncate: (size) => calls.truncate(fd, size),
    sync: () => calls.sync(fd),
    close: () => calls.close(fd),
  }
}
