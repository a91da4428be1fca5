import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'

const SERIES_MS = 60_000

/** Logs the first of a series of like events at once, then at most once a minute how many more there were. */
export interface LogSeries {
  /** `key` names the series (`expired`); `message` is printed for its first event and again after a quiet minute. */
  note(key: string, message: string): void
  close(): void
}

/** Series are few and named by code, never by a peer: an endless map would be a leak. */
export function newLogSeries(log: Log, clock: Clock, level: 'warn' | 'error' = 'warn'): LogSeries {
  const running = new Map<string, { more: number; message: string; timer: { cancel(): void } }>()
  const start = (key: string): { cancel(): void } => clock.after(SERIES_MS, () => finish(key))
  const finish = (key: string) => {
    const series = running.get(key)
    if (!series || series.more === 0) return void running.delete(key)
    log[level](`${series.message} (${series.more} more like this in the last minute)`)
    series.more = 0
    series.timer = start(key)
  }
  return {
    note(key, message) {
      const series = running.get(key)
      if (series) {
        series.more++
        series.message = message
        return
      }
      running.set(key, { more: 0, message, timer: start(key) })
      log[level](message)
    },
    close() {
      for (const series of running.values()) series.timer.cancel()
      running.clear()
    },
  }
}
