import type { Batch } from '../telemetry/batch.ts'
import { type Format, formats } from '../telemetry/format.ts'

/** What a receiver was told of a batch: refused is also what was taken, waited for, and lost. */
export const flowOutcomes = ['success', 'refused', 'failure'] as const
export type FlowOutcome = (typeof flowOutcomes)[number]

/** Batches of one format that a receiver handed on, and the records in them. */
export type Flow = Readonly<Record<FlowOutcome, { requests: number; records: number }>>

export const newFlow = (): Flow => ({
  success: { requests: 0, records: 0 },
  refused: { requests: 0, records: 0 },
  failure: { requests: 0, records: 0 },
})

/** What went through receivers and exporters, by their id and format. */
export interface Flows {
  readonly receivers: readonly (Flow & { readonly id: string; readonly format: Format })[]
  readonly exporters: readonly { id: string; format: Format; received: number }[]
}

/** What the books of a whole component do not tell apart. It outlives the components: counts never go back. */
export class FlowCounts {
  private readonly came = new Map<string, Partial<Record<Format, number>>>()
  private readonly receivers = new Map<string, Flows['receivers'][number]>()

  /** A batch came to an exporter. */
  readonly arrived = (id: string, { format, count }: Batch): void => {
    let counts = this.came.get(id)
    if (!counts) {
      counts = {}
      this.came.set(id, counts)
    }
    counts[format] = (counts[format] ?? 0) + count
  }

  /** Where a receiver counts, whoever was or will be the receiver. */
  readonly flow = (id: string, format: Format): Flow => {
    const key = `${id} ${format}`
    const flow = this.receivers.get(key) ?? { id, format, ...newFlow() }
    this.receivers.set(key, flow)
    return flow
  }

  read(): Flows {
    return {
      receivers: [...this.receivers.values()],
      exporters: [...this.came].flatMap(([id, counts]) =>
        formats.flatMap((format) => (counts[format] === undefined ? [] : [{ id, format, received: counts[format] }])),
      ),
    }
  }
}
