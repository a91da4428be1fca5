import { batchByteBounds, batchSizeBounds } from '../delivery/batch-stats.ts'
import type { Consumer } from '../plugin.ts'
import type { Clock } from '../runtime/clock.ts'
import { Distribution } from '../runtime/distribution.ts'
import type { Batch } from '../telemetry/batch.ts'
import type { Format } from '../telemetry/format.ts'

/** A component of a graph; a processor is one for each pipeline. */
export interface Place {
  readonly kind: 'receiver' | 'processor' | 'connector' | 'exporter'
  readonly id: string
  readonly pipeline?: string
}

/** Batches of one format that went in or came out. */
export interface Traffic {
  readonly records: Distribution
  readonly bytes: Distribution
}

/**
 * Bytes and times of every component. To know the size of a batch makes its edits real, and a processor that is watched
 * does not share the walk of its neighbours: it is there only while somebody can see what it measures.
 */
export class FlowMeter {
  private readonly clock: Clock
  private readonly byKey = new Map<string, Station>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  get stations(): Iterable<Station> {
    return this.byKey.values()
  }

  /** Where a component is measured, whoever was or will be that component. */
  station(place: Place): Station {
    const key = `${place.kind} ${place.id} ${place.pipeline ?? ''}`
    const station = this.byKey.get(key) ?? new Station(place, this.clock)
    this.byKey.set(key, station)
    return station
  }
}

/** Upper bounds of the times of a processor for one batch, in seconds. */
const timeBounds = [0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1]

/** One component, seen from both ends. */
export class Station {
  readonly place: Place
  readonly consumed = new Map<Format, Traffic>()
  readonly produced = new Map<Format, Traffic>()
  /** Seconds for each batch that came in, without those of whoever is behind it. */
  readonly took = new Distribution(timeBounds)
  private readonly clock: Clock
  /** Since when it is at work, monotonic; undefined while it is not. */
  private since: number | undefined
  private spent = 0

  constructor(place: Place, clock: Clock) {
    this.place = place
    this.clock = clock
  }

  /** Measures what goes into a component. */
  before(component: Consumer): Consumer {
    return {
      consume: (batch) => {
        count(this.consumed, batch)
        this.spent = 0
        this.since = this.clock.monotonic()
        component.consume(batch)
        this.pause()
        this.took.add(this.spent / 1000)
      },
    }
  }

  /** Measures what comes out of it. */
  behind(next: Consumer): Consumer {
    return {
      consume: (batch) => {
        const isAtWork = this.pause()
        count(this.produced, batch)
        next.consume(batch)
        if (isAtWork) this.since = this.clock.monotonic()
      },
    }
  }

  private pause(): boolean {
    if (this.since === undefined) return false
    this.spent += this.clock.monotonic() - this.since
    this.since = undefined
    return true
  }
}

function count(counts: Map<Format, Traffic>, batch: Batch): void {
  let traffic = counts.get(batch.format)
  if (!traffic) {
    traffic = { records: new Distribution(batchSizeBounds), bytes: new Distribution(batchByteBounds) }
    counts.set(batch.format, traffic)
  }
  traffic.records.add(batch.count)
  traffic.bytes.add(sizeOf(batch))
}

/** Edits that cannot be made are the fault of whoever needs the bytes next, in its books. */
function sizeOf(batch: Batch): number {
  try {
    return batch.size
  } catch {
    return 0
  }
}
