import type { AdminCommand } from '../admin/api.ts'
import { openSpoolOf } from '../storage/open-spools.ts'

/** What a running agent does when `tailrace queue drop` asks it: `{folder}`; an empty answer when it has no such queue open. */
export const dropOpenQueue: AdminCommand = ({ folder }) => {
  const spool = typeof folder === 'string' ? openSpoolOf(folder) : undefined
  return Promise.resolve(spool ? { records: spool.clear(), underWay: spool.records } : {})
}
