import type { Spool } from './contract.ts'
import { OpenFolders } from './open-folders.ts'

const open = new OpenFolders<Spool>()

/** The queue of a folder that this process has open. */
export const openSpoolOf = (folder: string): Spool | undefined => open.at(folder)

/** Says that a queue is open, until the answer is called. */
export const registerSpool = (folder: string, spool: Spool): (() => void) => open.enter(folder, spool)
