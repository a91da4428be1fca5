import type { DropReason } from '../../delivery/reasons.ts'
import type { Host } from '../../plugin.ts'

/** The parts of a host that a processor counts with. */
export function processorHost() {
  const counted: Record<string, number> = {}
  const gauges: Record<string, () => number> = {}
  const host = {
    dropped(reason: DropReason, records: number) {
      counted[reason] = (counted[reason] ?? 0) + records
    },
    counter: (name: string) => ({
      add(n: number) {
        counted[name] = (counted[name] ?? 0) + n
      },
    }),
    gauge(name: string, _help: string, read: () => number) {
      gauges[name] = read
    },
  } as unknown as Host
  return { host, counted, gauges }
}
