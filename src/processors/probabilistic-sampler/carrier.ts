import type { Cursor } from '../../plugin.ts'
import type { Site } from '../../telemetry/site.ts'
import type { Bits56 } from './bits56.ts'

/** Where records of one signal carry what earlier samplers did, and what this one does. */
export interface Carrier {
  /** What the record read last says; undefined: nothing. */
  readonly randomness: Readonly<Bits56> | undefined
  readonly threshold: Readonly<Bits56> | undefined
  /** Reads what a record says; answers what is wrong with it, if anything. */
  read(cursor: Cursor): string | undefined
  /** Starts a batch: nothing is to be written. */
  begin(): void
  /** The record read last is the next one kept: it is to say this threshold, and this randomness if given. */
  keep(threshold: Readonly<Bits56>, randomness: Readonly<Bits56> | undefined): void
  /** The record read last is the next one kept, and stays as it is. */
  keepAsIs(): void
  /** Whether any of the kept records changes. */
  readonly changed: boolean
  /** Writes what record `i` of those that were kept is to say. */
  apply(site: Site, i: number): void
}
