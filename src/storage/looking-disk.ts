import { constants, openSync } from 'node:fs'
import { type Disk, realDisk } from './disk.ts'

const nothing = () => {}
const nothingLater = () => Promise.resolve()

/** The file system for those who only look: what would change something does nothing. */
export const lookingDisk: Disk = {
  ...realDisk,
  open: (path) => openSync(path, constants.O_RDONLY),
  write: () => 0,
  truncate: nothing,
  remove: nothingLater,
  removeNow: nothing,
  rename: nothing,
  sync: nothingLater,
  syncFolder: nothingLater,
}
