import type { Account } from '../../delivery/ledger.ts'
import { classTakes, type DrainKind } from '../../drains/drain-parameters.ts'
import type { DropReason } from '../../plugin.ts'
import type { Clock } from '../../runtime/clock.ts'
import { Kind } from '../../telemetry/envelope-scan.ts'
import { type FrameForm, newFrameForm } from '../../wire/syslog/from-envelope/frame-form.ts'
import { Delivery } from './delivery.ts'
import { FloodGate } from './flood-gate.ts'
import { FrameRing, type RingLimits } from './frame-ring.ts'
import type { DrainSpec } from './merge.ts'
import type { Notices } from './notices.ts'
import { retrySlots } from './retry-slots.ts'
import type { Rounds } from './rounds.ts'
import type { DrainSeries, SeriesTable } from './series.ts'
import type { Shares } from './shares.ts'
import type { TransportFactory } from './transports.ts'

/** What all drains share. */
export interface DrainWorld {
  readonly shares: Shares
  readonly limits: RingLimits
  readonly clock: Clock
  readonly rounds: Rounds
  readonly account: Account
  readonly series: SeriesTable
  readonly notices: Notices
  readonly transports: TransportFactory
  /** The one form for all drains of this host name and metadata. */
  formOf(hostname: string, metadata: boolean): FrameForm
  /** Drains that hold a ring and a sender, those on their way out included. */
  readonly live: Set<Drain>
}

const notYet = newFrameForm({ hostname: '', metadata: true })
const kindsByName = Object.entries(Kind) as [DrainKind | 'none', number][]

/** A drain of an application, or of all. Little more than its settings until the first message comes. */
export class Drain {
  readonly spec: DrainSpec
  /** A bit per kind of envelope that it gets. */
  readonly kinds: number
  /** How its messages look; known once it is open. */
  form: FrameForm = notYet
  /** Of logs, whether their type must be looked at. */
  readonly byType: boolean
  /** Of drains that all applications share. */
  readonly gate: FloodGate | undefined
  ring: FrameRing | undefined = undefined
  delivery: Delivery | undefined = undefined
  /** Monotonic time of the last message; set by the router once a batch. */
  usedAt = 0
  /** What is told of a lost message. */
  private example: { source: string; text: string } | undefined = undefined
  private series: DrainSeries | undefined = undefined
  private removed = false
  private readonly world: DrainWorld

  constructor(spec: DrainSpec, world: DrainWorld) {
    this.spec = spec
    this.world = world
    const { drainClass, includeLogTypes, excludeLogTypes } = spec.url.parameters
    let kinds = drainClass === 'all' ? 1 << Kind.none : 0
    for (const [name, number] of kindsByName) if (name !== 'none' && classTakes(drainClass, name)) kinds |= 1 << number
    this.kinds = kinds
    this.byType = includeLogTypes !== undefined || excludeLogTypes !== undefined
    this.gate = spec.app === '' ? new FloodGate() : undefined
  }

  /** Whether a log of this type (`APP`, empty when it has none) passes. */
  takesType(type: string): boolean {
    const { includeLogTypes, excludeLogTypes } = this.spec.url.parameters
    return includeLogTypes ? includeLogTypes.has(type) : !excludeLogTypes?.has(type)
  }

  /** Makes ring and sender; the connection comes with the first write. */
  open(): FrameRing {
    const { shares, limits, clock, rounds, series, transports, live } = this.world
    const { spec } = this
    this.form = this.world.formOf(spec.hostname, spec.url.parameters.metadata)
    this.series ??= series.open(spec.app ? 'app' : 'aggregate', spec.url.clean)
    const ring = new FrameRing(shares, limits, (reason, messages) => this.lost(reason, messages))
    const { transport, gathering } = transports(spec)
    this.ring = ring
    this.delivery = new Delivery({
      ring,
      transport,
      clock,
      rounds,
      gathering,
      onSent: (messages) => this.sent(messages),
      onFailed: (error, messages, pause, failures) => {
        // What was written may have arrived.
        if (error.step === 'write') this.world.account.maybe_duplicate += messages
        this.world.notices.failed(spec, error, pause, failures)
      },
      onDelayed: () => this.world.notices.delayed(spec, retrySlots),
      onClosed: () => this.closed(),
    })
    live.add(this)
    return ring
  }

  /** Books an envelope that never became a message. */
  refuse(reason: DropReason): void {
    this.world.account.received++
    this.lost(reason, 1)
  }

  /** No messages for a long time: ring and connection go, until the next one. */
  closeIdle(): void {
    if (this.delivery?.idle) this.delivery.close('no_destination')
  }

  /** Nobody wants it any more: what waits is still sent, if that works. */
  remove(): void {
    this.removed = true
    if (this.delivery) this.delivery.close('no_destination')
    else this.release()
  }

  /** The end of the process: one attempt for what waits. */
  stop(): void {
    this.removed = true
    this.delivery?.close('shutdown')
  }

  abort(): void {
    this.delivery?.abort('shutdown')
  }

  private sent(messages: number): void {
    this.world.account.sent += messages
    if (this.series) this.series.sent += messages
  }

  private lost(reason: DropReason, messages: number): void {
    this.example ??= { source: this.spec.app, text: `for ${this.spec.url.clean}` }
    this.world.account.drop(reason, messages, this.example)
    if (this.series) this.series.lost += messages
    this.world.notices.lost(this.spec, reason, messages)
  }

  private closed(): void {
    this.world.live.delete(this)
    this.ring = undefined
    this.delivery = undefined
    if (this.removed) this.release()
  }

  private release(): void {
    this.world.notices.forget(this.spec)
    if (this.series) this.world.series.close(this.series)
    this.series = undefined
  }
}
