import type { AccountKind } from '../delivery/ledger.ts'
import type { ComponentKind, Consumer } from '../plugin.ts'
import type { Batch } from '../telemetry/batch.ts'
import type { Format } from '../telemetry/format.ts'
import type { Port } from './nodes.ts'

/** A place where records can be watched: behind a receiver, processor or connector, in front of an exporter. */
export interface TapPoint {
  readonly kind: ComponentKind
  readonly id: string
  /** Of a processor, whose instances in several pipelines are several places. */
  readonly pipeline?: string
  /** Of a receiver that makes several. */
  readonly format?: Format
}

export type OnTapped = (batch: Batch, point: TapPoint) => void

interface Place {
  readonly point: TapPoint | undefined
  readonly enters: string | undefined
  readonly port: Port
}

/** Whose work begins behind a port: an account, or all accounts of that kind and id. */
export interface Worker {
  readonly kind: AccountKind
  readonly id: string
  readonly pipeline?: string | undefined
}

/** Milliseconds of work by `workerKey`. */
export type Times = ReadonlyMap<string, number>

/**
 * The places of the running graph where somebody may look. While nobody does, the ports call what they lead to and
 * nothing else. One for the process: who watches goes on watching when a reload replaces the ports.
 */
export class Taps {
  private readonly places = new Map<string, Place>()
  private readonly watchers = new Map<OnTapped, string>()
  private meters = 0
  private readonly times = new Map<string, number>()
  /** Who works right now, and since when. */
  private at: string | undefined
  private since = 0

  /** Names a port as the place `point`. The same place named again replaces the one before. */
  watchable(point: TapPoint, port: Port): void {
    this.put(`point ${keyOf(point)}`, { point, enters: undefined, port })
  }

  /** Says whose work begins behind a port; see `meter`. */
  enters(worker: Worker, port: Port): void {
    const enters = workerKey(worker)
    this.put(`enters ${enters}`, { point: undefined, enters, port })
  }

  /** Takes away what is known of these ports: what they belonged to is gone. */
  forget(ports: ReadonlySet<Port>): void {
    for (const [key, { port }] of this.places) {
      if (!ports.has(port)) continue
      port.probe = undefined
      this.places.delete(key)
    }
  }

  points(): TapPoint[] {
    return [...this.places.values()].flatMap(({ point }) => (point ? [point] : []))
  }

  /** Shows every batch that passes the places with this id (`filter/a`, or `processor/filter/a`) until the answer is called. */
  watch(id: string, fn: OnTapped): () => void {
    const own: OnTapped = (batch, point) => fn(batch, point)
    this.watchers.set(own, id)
    this.refresh()
    return () => {
      this.watchers.delete(own)
      this.refresh()
    }
  }

  /**
   * Measures who works for how long, until the answer's `stop` is called; `read` answers the sums so far. The work of
   * what is called inside is that one's, not its caller's.
   */
  meter(): { read(): Times; stop(): void } {
    if (this.meters++ === 0) this.times.clear()
    this.refresh()
    let on = true
    return {
      read: () => new Map(this.times),
      stop: () => {
        if (!on) return
        on = false
        this.meters--
        this.refresh()
      },
    }
  }

  private put(key: string, place: Place): void {
    const before = this.places.get(key)
    this.places.set(key, place)
    if (before && before.port !== place.port) this.attach(before.port)
    this.attach(place.port)
  }

  private refresh(): void {
    for (const port of new Set([...this.places.values()].map(({ port }) => port))) this.attach(port)
  }

  private attach(port: Port): void {
    const here = [...this.places.values()].filter((place) => place.port === port)
    const shown = here.flatMap(({ point }) => (point ? [point] : []))
    const looks = [...this.watchers].flatMap(([fn, id]) =>
      shown.filter((point) => names(point, id)).map((point) => ({ fn, point })),
    )
    const enters = this.meters > 0 ? here.find((place) => place.enters !== undefined)?.enters : undefined
    if (looks.length === 0 && enters === undefined) port.probe = undefined
    else port.probe = (next) => this.probe(looks, enters, next)
  }

  private probe(
    looks: readonly { fn: OnTapped; point: TapPoint }[],
    enters: string | undefined,
    next: Consumer,
  ): Consumer {
    const onward: Consumer = enters === undefined ? next : { consume: (batch) => this.timed(enters, batch, next) }
    return {
      consume(batch) {
        for (const { fn, point } of looks) {
          try {
            fn(batch, point)
          } catch {
            // Who looks on must not disturb what passes.
          }
        }
        onward.consume(batch)
      },
    }
  }

  private timed(name: string, batch: Batch, next: Consumer): void {
    const before = this.at
    this.switchTo(name)
    try {
      next.consume(batch)
    } finally {
      this.switchTo(before)
    }
  }

  private switchTo(name: string | undefined): void {
    const now = performance.now()
    if (this.at !== undefined) this.times.set(this.at, (this.times.get(this.at) ?? 0) + now - this.since)
    this.at = name
    this.since = now
  }
}

export const workerKey = ({ kind, id, pipeline = '' }: Worker): string => [kind, id, pipeline].join('\n')

/** Whether somebody who asks for `id` means this place. */
export const names = (point: TapPoint, id: string): boolean => id === point.id || id === `${point.kind}/${point.id}`

const keyOf = ({ kind, id, pipeline, format }: TapPoint): string => [kind, id, pipeline, format].join('\n')
