import type { Batch } from '../telemetry/batch.ts'
import { type Format, formats } from '../telemetry/format.ts'
import type { Flow } from './intake.ts'

/** Records by receiver and format, and by exporter and format. */
export interface Flows {
  readonly receivers: readonly { id: string; format: Format; taken: number; refused: number }[]
  readonly exporters: readonly { id: string; format: Format; received: number }[]
}

/** What the books of a whole component do not tell apart. It outlives the components: counts never go back. */
export class FlowCounts {
  private readonly came = new Map<string, Partial<Record<Format, number>>>()
  private readonly taken = new Map<string, Flow & { readonly id: string; readonly format: Format }>()

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
    const flow = this.taken.get(key) ?? { id, format, taken: 0, refused: 0 }
    this.taken.set(key, flow)
    return flow
  }

  read(): Flows {
    return {
      receivers: [...this.taken.values()].map((flow) => ({ ...flow })),
      exporters: [...this.came].flatMap(([id, counts]) =>
        formats.flatMap((format) => (counts[format] === undefined ? [] : [{ id, format, received: counts[format] }])),
      ),
    }
  }
}
