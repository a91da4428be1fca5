import { ManualClock } from '../runtime/clock.ts'
import { silentLog } from '../runtime/log.ts'
import { openSpool, type Spool, type SpoolLoss, type SpoolOptions } from './spool.ts'

/** Lets everything run that waits for nothing but promises. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 16; i++) await undefined
}

export interface Loss {
  loss: SpoolLoss
  records: number
  detail: string
}

export interface SpoolUnderTest {
  spool: Spool
  clock: ManualClock
  losses: Loss[]
}

/** Opens a queue with a clock that stands still. */
export async function openForTest(options: Partial<SpoolOptions> & { folder: string }): Promise<SpoolUnderTest> {
  const clock = (options.clock as ManualClock | undefined) ?? new ManualClock()
  const losses: Loss[] = []
  const spool = await openSpool({
    log: silentLog,
    maxBytes: 0,
    maxAgeMs: 0,
    maxLossMs: 500,
    onLost: (loss, records, detail) => losses.push({ loss, records, detail }),
    ...options,
    clock,
  })
  return { spool, clock, losses }
}

/** Reads all that is unread. */
export async function readAll(spool: Spool, most = 1 << 20) {
  const all: Awaited<ReturnType<Spool['read']>> = []
  for (let some = await spool.read(most); some.length > 0; some = await spool.read(most)) all.push(...some)
  return all
}
