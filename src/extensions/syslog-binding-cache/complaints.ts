import type { Clock, Log } from '../../plugin.ts'
import { newComplaintThrottle } from './complaint-throttle.ts'
import type { Complaint } from './validate-bindings.ts'

export interface ComplaintsOptions {
  clock: Clock
  log: Log
  everyMs: number
  /** Into the streams of the applications. */
  send(complaints: readonly Complaint[]): void
}

/** Lines for the operator in one round; more are summed up. */
const MAX_OPERATOR_LINES = 100

/** Tells developers and operator of unusable drains: each line at once, then as often as `everyMs` says. */
export interface Complaints {
  tell(all: readonly Complaint[]): void
  /** Lines that did not reach their applications: they are tried again with the next round. */
  failed(lines: readonly Complaint[]): void
}

export function newComplaints({ clock, log, everyMs, send }: ComplaintsOptions): Complaints {
  const forApps = newComplaintThrottle(clock, everyMs)
  const forOperator = newComplaintThrottle(clock, everyMs)
  return {
    tell(all) {
      const lines = forOperator.due(all)
      for (const { message, appId } of lines.slice(0, MAX_OPERATOR_LINES)) log.warn(`${message} for app ${appId}`)
      const more = lines.length - MAX_OPERATOR_LINES
      if (more > 0) log.warn(`${more} more lines about unusable drains in this round went to their applications alone`)
      const due = forApps.due(all)
      if (due.length > 0) send(due)
    },
    failed: (lines) => forApps.forget(lines),
  }
}
