import type { Account } from '../../delivery/ledger.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Batch } from '../../telemetry/batch.ts'
import { Kind, kindMask } from '../../telemetry/envelope-scan.ts'
import { Row } from '../../telemetry/record-index.ts'
import { GrowingSink } from '../../wire/syslog/frame-sink.ts'
import { FrameWriter } from '../../wire/syslog/from-envelope/frame-writer.ts'
import type { ChunkPool } from './chunk-pool.ts'
import type { Drain } from './drain.ts'
import type { Registry } from './registry.ts'
import type { Rounds } from './rounds.ts'

export interface RouterOptions {
  registry: Registry
  rounds: Rounds
  pool: ChunkPool
  clock: Clock
  /** Messages of all drains. */
  account: Account
  /** Records that come in, and become messages. */
  door: Account
}

/** Writes each envelope, as messages, into the rings of the drains that want it. */
export class Router {
  /** Envelopes times drains that they were shown to, before any filter. */
  handed = 0
  private readonly options: RouterOptions
  private readonly writer = new FrameWriter()
  /** Messages that only have to be counted: their envelopes go to disk. */
  private readonly scratch = new GrowingSink()
  private now = 0

  constructor(options: RouterOptions) {
    this.options = options
  }

  route(batch: Batch): void {
    const { registry, rounds, pool, clock, door } = this.options
    const { rows } = batch.index()
    const { buffer } = batch
    const { table, aggregates } = registry
    this.now = clock.monotonic()
    door.received += batch.count
    door.consumed += batch.count
    let drains: readonly Drain[] | undefined
    let lastStart = 0
    let lastEnd = -1
    pool.park()
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rowAt(i)
      const start = rows[row + Row.sourceStart]!
      const end = rows[row + Row.sourceEnd]!
      if (lastEnd < 0 || !sameText(buffer, start, end, lastStart, lastEnd)) drains = table.find(buffer, start, end)
      lastStart = start
      lastEnd = end
      const count = aggregates.length + (drains ? drains.length : 0)
      if (count === 0) continue
      this.handed += count
      const kind = rows[row + Row.info]! & kindMask
      let looked = false
      for (let d = 0; d < count; d++) {
        const drain = drains && d < drains.length ? drains[d]! : aggregates[d - (drains ? drains.length : 0)]!
        if ((drain.kinds & (1 << kind)) === 0) continue
        if (!looked) this.writer.look(buffer, rows[row + Row.start]!, rows[row + Row.end]!)
        if (!looked) this.scratch.end = 0
        looked = true
        if (drain.byType && kind === Kind.log && !drain.takesType(this.writer.logType())) continue
        if (drain.spills) this.putAside(drain, buffer, rows[row + Row.frame]!, rows[row + Row.end]!)
        else if (drain.gate && !this.isFair(drain, buffer, rows, row)) drain.refuse('unfair_share')
        else this.put(drain)
      }
    }
    pool.settle()
    rounds.turn()
  }

  /** What comes after the end. */
  turnAway({ count }: Batch): void {
    const { door } = this.options
    door.received += count
    door.drop('shutdown', count)
  }

  /** `rows` at `row` are the places of the envelope in `bytes`. */
  private isFair({ ring, gate }: Drain, bytes: Buffer, rows: Uint32Array, row: number): boolean {
    if (!ring || !gate) return true
    const { fill } = ring
    const size = rows[row + Row.end]! - rows[row + Row.start]!
    const capacity = fill > 0 ? ring.waitingBytes / fill : 0
    return gate.admits(bytes, rows[row + Row.sourceStart]!, rows[row + Row.sourceEnd]!, size, fill, capacity)
  }

  /** Its memory is used up: the envelope waits on disk. */
  private putAside(drain: Drain, bytes: Buffer, from: number, to: number): void {
    const { account, door } = this.options
    const messages = this.writer.write(drain.form, this.scratch)
    if (messages < 0) return void drain.refuse('not_representable')
    if (messages === 0) return
    account.received += messages
    door.made += messages
    drain.spill!.put(bytes, from, to, messages)
    drain.usedAt = this.now
  }

  private put(drain: Drain): void {
    const { account, door, rounds } = this.options
    const ring = drain.ring ?? drain.open()
    const messages = this.writer.write(drain.form, ring)
    if (messages < 0) return void drain.refuse('not_representable')
    if (messages === 0) return
    account.received += messages
    door.made += messages
    ring.appended(messages)
    drain.usedAt = this.now
    const { delivery } = drain
    if (delivery && !delivery.marked) rounds.mark(delivery)
  }
}

function sameText(bytes: Uint8Array, start: number, end: number, otherStart: number, otherEnd: number): boolean {
  if (end - start !== otherEnd - otherStart) return false
  for (let a = start, b = otherStart; a < end; a++, b++) if (bytes[a] !== bytes[b]) return false
  return true
}
