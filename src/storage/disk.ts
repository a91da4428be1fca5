import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  fsync,
  ftruncateSync,
  mkdirSync,
  openSync,
  read,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  unlink,
  unlinkSync,
  writevSync,
} from 'node:fs'
import { type FolderLock, lockFolder } from './folder-lock.ts'

/**
 * What a queue asks of the file system: the lowest level, so that tests can put a disk below that loses, tears and reorders what
 * was not synced. Everything throws or rejects with errors that have a `code` (`ENOSPC`). Writes go to the page cache at
 * once; whatever may wait for the device is asynchronous.
 */
export interface Disk {
  /** Names in a folder. */
  list(folder: string): string[]
  /** Makes a folder, 0700, with its parents. */
  makeFolder(path: string): void
  /** Takes the folder for this process alone. Throws a sentence that names who has it. */
  lock(folder: string): FolderLock
  /** A new file, 0600, for reading and writing. Fails with EEXIST. */
  create(path: string): number
  /** An existing file, for reading and writing. */
  open(path: string): number
  size(fd: number): number
  sizeOf(path: string): number
  /** How many names an open file or folder has; 0: somebody removed it. */
  links(fd: number): number
  /** A folder, to be synced. */
  openFolder(path: string): number
  /** Writes the parts one behind the other at a place; answers how many bytes were written, which may be fewer. */
  write(fd: number, parts: readonly Uint8Array[], at: number): number
  /** For a few bytes: headers and footers. */
  readNow(fd: number, into: Uint8Array, at: number): number
  read(fd: number, into: Uint8Array, at: number): Promise<number>
  truncate(fd: number, size: number): void
  /** fdatasync(2). */
  sync(fd: number): Promise<void>
  /** Makes names that were created or removed in a folder durable. */
  syncFolder(fd: number): Promise<void>
  /** In the background: removing megabytes takes time. */
  remove(path: string): Promise<void>
  removeNow(path: string): void
  rename(from: string, to: string): void
  close(fd: number): void
  /** Runs `fn` when what is there to read from sockets in this turn has been handled. */
  later(fn: () => void): void
  /** A number that nobody can foresee, below 2^32. */
  salt(): number
}

const done = (resolve: () => void, reject: (error: Error) => void) => (error: Error | null) =>
  error ? reject(error) : resolve()

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    // Node says so of a file system that is mounted read-only too: without `recursive` it says what is the matter.
    mkdirSync(path, { mode: 0o700 })
  }
}

export const realDisk: Disk = {
  list: (folder) => readdirSync(folder),
  makeFolder,
  lock: (folder) => lockFolder(folder),
  create: (path) => openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600),
  open: (path) => openSync(path, constants.O_RDWR),
  size: (fd) => fstatSync(fd).size,
  sizeOf: (path) => statSync(path).size,
  links: (fd) => fstatSync(fd).nlink,
  openFolder: (path) => openSync(path, constants.O_RDONLY | constants.O_DIRECTORY),
  write: (fd, parts, at) => writevSync(fd, parts as Uint8Array[], at),
  readNow: (fd, into, at) => readSync(fd, into, 0, into.length, at),
  read: (fd, into, at) =>
    new Promise((resolve, reject) => {
      read(fd, into, 0, into.length, at, (error, bytes) => (error ? reject(error) : resolve(bytes)))
    }),
  truncate: (fd, size) => ftruncateSync(fd, size),
  sync: (fd) => new Promise((resolve, reject) => fdatasync(fd, done(resolve, reject))),
  syncFolder: (fd) => new Promise((resolve, reject) => fsync(fd, done(resolve, reject))),
  remove: (path) => new Promise((resolve, reject) => unlink(path, done(resolve, reject))),
  removeNow: unlinkSync,
  rename: renameSync,
  close: closeSync,
  later: (fn) => void setImmediate(fn),
  salt: () => randomBytes(4).readUInt32LE(0),
}
