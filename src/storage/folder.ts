import { join } from 'node:path'
import type { Disk } from './disk.ts'
import { codeOf } from './failures.ts'
import { finishedName } from './finished-file.ts'
import { type FolderLock, lockName } from './folder-lock.ts'
import { PositionFile } from './position-file.ts'
import { quarantineName } from './quarantine.ts'
import { parseSegmentName } from './segment-frame.ts'

export const formatName = 'format'
export const positionName = 'position'
const version = 1
const formatText = `tailrace disk queue, version ${version}\n`

/** The folder of a queue, taken for this process, with what stands in it beside the segments. */
export interface QueueFolder {
  readonly path: string
  readonly lock: FolderLock
  readonly fd: number
  readonly position: PositionFile
  readonly names: readonly string[]
}

/** Makes the folder when it is missing and takes it. Throws sentences for people. */
export async function openFolder(disk: Disk, path: string): Promise<QueueFolder> {
  try {
    disk.makeFolder(path)
    checkNames(path, disk.list(path))
  } catch (error) {
    throw explained(path, error)
  }
  let lock: FolderLock | undefined
  let fd: number | undefined
  try {
    lock = disk.lock(path)
    const names = disk.list(path)
    await checkFormat(disk, path, names)
    fd = disk.openFolder(path)
    const position = new PositionFile(disk, join(path, positionName), !names.includes(positionName))
    await disk.syncFolder(fd)
    return { path, lock, fd, position, names }
  } catch (error) {
    if (fd !== undefined) disk.close(fd)
    lock?.release()
    throw explained(path, error)
  }
}

/** Whether files that are missing in it are gone for good: they may come back with a folder that was moved away. */
export function isInPlace(disk: Disk, { path, fd }: QueueFolder): boolean {
  if (disk.links(fd) === 0) return true
  try {
    disk.list(path)
    return true
  } catch {
    return false
  }
}

/** Throws unless the folder is a queue's that this version can read, or can become one. Changes nothing. */
export function checkNames(path: string, names: readonly string[]): void {
  const foreign = names.filter((name) => !isOurs(name))
  if (foreign.length === 0) return
  const some = foreign.slice(0, 3).join(', ')
  throw new Error(`${path} is not the folder of a queue: it holds ${some}; a queue wants a folder of its own`)
}

const isOurs = (name: string) =>
  name === formatName ||
  name === positionName ||
  name === lockName ||
  name === finishedName ||
  name === quarantineName ||
  parseSegmentName(name) !== undefined

/** Throws when a newer version wrote the folder; signs it when nobody has. */
async function checkFormat(disk: Disk, path: string, names: readonly string[]): Promise<void> {
  const file = join(path, formatName)
  const signed = names.includes(formatName)
  const text = signed ? readText(disk, file) : ''
  // A power cut in the first moment of a queue leaves no batches, and anything of this file.
  const isNew = !names.some((name) => parseSegmentName(name) !== undefined)
  if (!isNew || newerVersion(text) !== undefined) checkFormatText(path, text)
  const fd = signed ? disk.open(file) : disk.create(file)
  try {
    if (text !== formatText) {
      disk.truncate(fd, 0)
      disk.write(fd, [Buffer.from(formatText)], 0)
    }
    // Whoever wrote it may have been killed before it was durable.
    await disk.sync(fd)
  } finally {
    disk.close(fd)
  }
}

function newerVersion(text: string): string | undefined {
  const found = /^tailrace disk queue, version (\d+)\n/.exec(text)?.[1]
  return found !== undefined && Number(found) > version ? found : undefined
}

/** Throws when the text of the file `format` is not of this version. */
export function checkFormatText(path: string, text: string): void {
  if (text === formatText) return
  const found = newerVersion(text)
  if (found !== undefined) {
    throw new Error(
      `the queue in ${path} was written by a newer tailrace (version ${found} of the format, this one knows ${version}): it is left ` +
        'as it is; run that version again, or give this one another directory',
    )
  }
  throw new Error(
    `${join(path, formatName)} does not say which version of the format the queue in ${path} has: put the file back as it was, or move ` +
      'the folder away',
  )
}

export function readText(disk: Disk, file: string): string {
  const fd = disk.open(file)
  try {
    const bytes = Buffer.alloc(256)
    return bytes.subarray(0, disk.readNow(fd, bytes, 0)).toString()
  } finally {
    disk.close(fd)
  }
}

function explained(path: string, error: unknown): Error {
  const code = codeOf(error)
  const options = { cause: error }
  if (code === 'ENOTDIR' || code === 'EEXIST') return new Error(`${path} is not a folder`, options)
  if (code === 'EACCES' || code === 'EPERM') {
    return new Error(`no permission for ${path}: it must belong to the user that runs tailrace`, options)
  }
  if (code === 'EROFS') return new Error(`${path} is on a file system that is mounted read-only`, options)
  if (code === 'ENOSPC') return new Error(`the disk of ${path} is full: a new queue cannot be made there`, options)
  return error instanceof Error ? error : new Error(String(error))
}
