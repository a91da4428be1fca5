import type { Clock } from '../../plugin.ts'
import type { Complaint } from './validate-bindings.ts'

/** Lets every complaint of an application through at once, and then no more often than every `everyMs`. */
export interface ComplaintThrottle {
  /** Those of a round that are due; what is no longer complained about is forgotten. */
  due(complaints: readonly Complaint[]): Complaint[]
  /** These did not arrive: they are due again with the next round. */
  forget(complaints: readonly Complaint[]): void
}

/** Remembers `maxKept` complaints at most: what goes beyond waits until there is room. */
export function newComplaintThrottle(
  clock: Pick<Clock, 'monotonic'>,
  everyMs: number,
  maxKept = 20_000,
): ComplaintThrottle {
  let told = new Map<string, number>()
  return {
    due(complaints) {
      const now = clock.monotonic()
      const kept = new Map<string, number>()
      const due = complaints.filter(({ appId, message }) => {
        const key = keyOf(appId, message)
        const last = kept.get(key) ?? told.get(key)
        if (last === undefined && kept.size >= maxKept) return false
        const isDue = last === undefined || now - last >= everyMs
        kept.set(key, isDue ? now : last)
        return isDue
      })
      told = kept
      return due
    },
    forget(complaints) {
      for (const { appId, message } of complaints) told.delete(keyOf(appId, message))
    },
  }
}

const keyOf = (appId: string, message: string) => `${appId} ${message}`
