import { always, type Bits56, isBelow, never, probabilityOf, thresholdOf } from './bits56.ts'
import { buckets } from './randomness.ts'

export type Mode = 'hash_seed' | 'equalizing' | 'proportional'

/** The threshold for a record that came with this one, or with none. */
export type Decide = (arriving: Readonly<Bits56> | undefined) => Readonly<Bits56>

/** Makes the rule of a mode; undefined when nothing is sampled at this percentage. */
export function newDecide(mode: Mode, percentage: number, precision: number): Decide | undefined {
  // A float32 in the Collector: with more digits some traces would be sampled here and not there.
  const percent = Math.fround(Math.min(100, percentage))
  if (percent === 0) return undefined
  if (mode === 'hash_seed') return hashed(percent)
  const ratio = Math.max(percent / 100, 2 ** -56)
  const own = thresholdOf(ratio, precision) ?? always
  if (mode === 'equalizing') return (arriving) => (arriving && isBelow(own, arriving) ? arriving : own)
  return (arriving) => (arriving ? (thresholdOf(probabilityOf(arriving) * ratio, precision) ?? never) : own)
}

function hashed(percent: number): Decide | undefined {
  const accepted = Math.trunc(Math.fround(percent * Math.fround(buckets / 100)))
  if (accepted === 0) return undefined
  const threshold = { hi: (buckets - accepted) * buckets, lo: 0 }
  return () => threshold
}
