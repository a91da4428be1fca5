import { closeSync, openSync, readdirSync, readlinkSync, readSync, type StatsFs } from 'node:fs'
import { statfs } from 'node:fs/promises'

/** What scrapers read of a machine: a seam, so that they are tested over texts of other machines. */
export interface SystemFiles {
  /** The text of a file below /proc or /sys: `/proc/stat`. Throws what the system says. */
  read(path: string): string
  /** Where a symbolic link goes. */
  link(path: string): string
  /** Names in a folder. */
  names(path: string): string[]
  /** Space of the file system at a mount point of the host. */
  space(mountPoint: string): Promise<Pick<StatsFs, 'bsize' | 'blocks' | 'bfree' | 'bavail' | 'files' | 'ffree'>>
}

// Such files have no size: read until the end, with one buffer for all.
let buffer = Buffer.allocUnsafeSlow(32 << 10)
const mostBytes = 64 << 20

/** The machine itself; `root` is where its file system is mounted, empty for our own. */
export function newSystemFiles(root: string): SystemFiles {
  const prefix = root.replace(/\/+$/, '')
  return {
    read: (path) => readWhole(prefix + path),
    link: (path) => readlinkSync(prefix + path),
    names: (path) => readdirSync(prefix + path),
    space: (mountPoint) => statfs(prefix + mountPoint, { bigint: false }),
  }
}

function readWhole(path: string): string {
  const fd = openSync(path, 'r')
  try {
    let end = 0
    for (;;) {
      if (end === buffer.length) {
        if (end >= mostBytes) throw new Error(`${path} is larger than ${mostBytes} bytes`)
        const wider = Buffer.allocUnsafeSlow(buffer.length * 2)
        buffer.copy(wider)
        buffer = wider
      }
      const got = readSync(fd, buffer, end, buffer.length - end, null)
      if (got === 0) return buffer.toString('utf8', 0, end)
      end += got
    }
  } finally {
    closeSync(fd)
  }
}
