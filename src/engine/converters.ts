import type { Batch } from '../telemetry/batch.ts'
import type { Format } from '../telemetry/format.ts'

/** What came of one batch: at most one batch per wanted format. */
export interface Converted {
  readonly batches: readonly Batch[]
  /** Records of the source that none of the formats can express. */
  readonly notRepresentable: number
}

/** A way from one format to others, bytes to bytes, without state. */
export interface Converter {
  readonly from: Format
  readonly to: readonly Format[]
  convert(batch: Batch, wanted: readonly Format[], nowMs: number): Converted
}

export const converters: readonly Converter[] = []

/** The converter from a format to any of those that are taken. */
export function findConverter(from: Format, takes: readonly Format[]): Converter | undefined {
  return converters.find((converter) => converter.from === from && converter.to.some((format) => takes.includes(format)))
}
