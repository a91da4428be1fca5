import type { Trouble } from '../../delivery/progress.ts'
import { classTakes, type DrainKind } from '../../drains/drain-parameters.ts'
import { ReadingProof } from '../../net/reading-proof.ts'
import type { DropReason } from '../../plugin.ts'
import { Kind } from '../../telemetry/envelope-scan.ts'
import { type FrameForm, newFrameForm } from '../../wire/syslog/from-envelope/frame-form.ts'
import { Delivery } from './delivery.ts'
import type { DrainWorld } from './drain-world.ts'
import { FloodGate } from './flood-gate.ts'
import { FrameRing } from './frame-ring.ts'
import { type DrainSpec, sameTarget } from './merge.ts'
import { refill } from './refill.ts'
import { retrySlots } from './retry-slots.ts'
import type { DrainSeries } from './series.ts'
import { Spill, type SpillBounds } from './spill.ts'
import { type SpillWorld, spillKey } from './spill-world.ts'

/** Parts of a drain's memory: a folder is opened from here on, and nothing more comes back from it, */
const nearlyFull = 0.5
/** what comes goes to disk, */
const full = 0.9
/** and begins to come back. */
const roomy = 0.25
const mostAtOnce = 64 << 10

const notYet = newFrameForm({ hostname: '', metadata: true })
const kindsByName = Object.entries(Kind) as [DrainKind | 'none', number][]

/** A drain of an application, or of all. Little more than its settings until the first message comes. */
export class Drain {
  spec: DrainSpec
  /** A bit per kind of envelope that it gets. */
  readonly kinds: number
  /** How its messages look; known once it is open. */
  form: FrameForm = notYet
  /** Of logs, whether their type must be looked at. */
  readonly byType: boolean
  /** Of drains that all applications share. */
  readonly gate: FloodGate | undefined = undefined
  ring: FrameRing | undefined = undefined
  delivery: Delivery | undefined = undefined
  spill: Spill | undefined = undefined
  /** Monotonic time of the last message; set by the router once a batch. */
  usedAt = 0
  /** What is told of a lost message. */
  private example: { source: string; text: string } | undefined = undefined
  private series: DrainSeries | undefined = undefined
  private failure: Trouble | undefined = undefined
  private removed = false
  /** Of drains that are the operator's, whose trouble is told. */
  private readonly proof: ReadingProof | undefined = undefined
  /** What its connections are made by. */
  private terms = ''
  private readonly world: DrainWorld

  constructor(spec: DrainSpec, world: DrainWorld) {
    this.spec = spec
    this.world = world
    const { drainClass, includeLogTypes, excludeLogTypes } = spec.url.parameters
    let kinds = drainClass === 'all' ? 1 << Kind.none : 0
    for (const [name, number] of kindsByName) if (name !== 'none' && classTakes(drainClass, name)) kinds |= 1 << number
    this.kinds = kinds
    this.byType = includeLogTypes !== undefined || excludeLogTypes !== undefined
    if (spec.app !== '') return
    this.gate = new FloodGate()
    this.proof = new ReadingProof(() => {
      if (!this.delivery?.failing) this.failure = undefined
    })
  }

  /** Whether a log of this type (`APP`, empty when it has none) passes. */
  takesType(type: string): boolean {
    const { includeLogTypes, excludeLogTypes } = this.spec.url.parameters
    return includeLogTypes ? includeLogTypes.has(type) : !excludeLogTypes?.has(type)
  }

  /** Whether what comes now belongs on disk: its memory is used up, or older messages wait there. */
  get spills(): boolean {
    const { spill } = this
    if (!spill) return false
    if (spill.isActive) return true
    const fill = this.fill()
    if (fill >= nearlyFull) this.currentSpill()?.prepare()
    return fill >= full && spill.isOpen
  }

  /** Goes on with what the process before this one left on disk. */
  resume(): void {
    const { spill: world } = this.world
    if (!world || (world.left.size === 0 && world.leftovers.isEmpty)) return
    const key = spillKey(this.spec)
    const left = world.leftovers.claim(key)
    if (left.length > 0) {
      const ring = this.ring ?? this.open()
      ring.putInFront(left)
      this.pumpSoon()
    }
    if (!world.left.has(key)) return
    if (!this.ring) this.open()
    this.currentSpill()?.prepare()
  }

  /** Makes ring and sender; the connection comes with the first write. */
  open(): FrameRing {
    const { shares, limits, clock, rounds, series, transports, live } = this.world
    const { spec } = this
    this.look()
    this.series ??= series.open(spec.app ? 'app' : 'aggregate', spec.url.clean)
    const ring = new FrameRing(shares, limits, (reason, messages) => this.lost(reason, messages))
    const { transport, gathering } = transports.to(spec, this.proof)
    this.terms = transports.terms
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
        this.world.notices.failed(this.spec, error, pause, failures)
        const since = this.failure?.since ?? clock.monotonic()
        this.failure = { error: `${this.spec.url.clean}: ${error.message}`, since, lasting: false }
      },
      onDelayed: () => this.world.notices.delayed(this.spec, retrySlots),
      onLeft: () => this.world.spill?.leftovers.keep(spillKey(this.spec), this.spec.app, ring),
      onClosed: () => this.closed(),
    })
    live.add(this)
    this.currentSpill()
    return ring
  }

  /** Another host name, other certificates: what waits goes on, and what comes looks as it should from now on. */
  goOnAs(spec: DrainSpec): this {
    const before = this.spec
    this.spec = spec
    this.world.notices.rename(before, spec)
    if (!this.delivery) return this
    this.look()
    if (!sameTarget(before, spec)) this.reconnect()
    return this
  }

  /** The settings of all drains have changed: a connection that would be made in the same way stays. */
  adapt(): void {
    if (this.world.transports.terms !== this.terms) this.reconnect()
    this.ring?.trim()
    this.currentSpill()?.bound(this.atOnce)
  }

  private look(): void {
    const { hostname, url } = this.spec
    this.form = this.world.formOf(hostname, url.parameters.metadata)
  }

  private reconnect(): void {
    const { transports } = this.world
    this.terms = transports.terms
    this.delivery?.sendBy(transports.to(this.spec, this.proof))
  }

  /** What keeps an aggregate drain from delivering. Those of applications are their owners' to mend. */
  get trouble(): Trouble | undefined {
    return this.spec.app === '' ? this.failure : undefined
  }

  /** Books an envelope that never became a message. */
  refuse(reason: DropReason): void {
    this.world.account.received++
    this.lost(reason, 1)
  }

  /** No messages for a long time: ring and connection go, until the next one. */
  closeIdle(): void {
    if (this.delivery?.idle && !this.spill?.isActive) this.delivery.close('no_destination')
  }

  /** Nobody wants it any more: what waits is still sent, if that works. */
  remove(): void {
    this.removed = true
    void this.spill?.discard('no_destination')
    if (this.delivery) this.delivery.close('no_destination')
    else this.release()
  }

  /** The end of the process: one attempt for what waits. */
  stop(): void {
    this.removed = true
    this.delivery?.close('shutdown')
  }

  abort(): void {
    // The next process sends it again.
    if (this.world.spill) this.world.account.maybe_duplicate += this.ring?.taken ?? 0
    this.delivery?.abort('shutdown')
  }

  private sent(messages: number): void {
    this.world.account.sent += messages
    if (!this.proof?.doubted) this.failure = undefined
    if (this.series) this.series.sent += messages
    this.spill?.drain()
  }

  /** How much of its memory is used, by the nearest bound: 1 is all. */
  private fill(): number {
    const { ring } = this
    return ring ? Math.max(ring.fill, this.world.shares.pressure(ring)) : 0
  }

  /** That of the disk in use; what is on the disk of an earlier configuration comes first. */
  private currentSpill(): Spill | undefined {
    const { spill: world } = this.world
    if (!this.spill || this.spill.isDone(world)) this.spill = world && this.newSpill(world)
    return this.spill
  }

  /** What of it goes to disk, and comes back, together. */
  private get atOnce(): SpillBounds {
    const { maxBytes, maxMessages } = this.world.limits
    return { bytes: Math.min(mostAtOnce, maxBytes >> 3), messages: Math.max(1, maxMessages >> 2) }
  }

  private newSpill(world: SpillWorld): Spill {
    return new Spill({
      key: spillKey(this.spec),
      name: this.spec.url.clean,
      world,
      atOnce: this.atOnce,
      refill: (returning) => {
        const messages = refill(this.ring ?? this.open(), this.form, returning, () => this.fill() < nearlyFull)
        this.pumpSoon()
        return messages
      },
      hasRoom: () => this.fill() < roomy,
      onLost: (reason, messages) => this.lost(reason, messages),
      onChanged: (by) => {
        if (by > 0) this.world.account.received += by
        else this.lost('not_representable', -by)
      },
    })
  }

  private pumpSoon(): void {
    const { rounds } = this.world
    if (this.delivery) rounds.mark(this.delivery)
    rounds.turn()
  }

  private lost(reason: DropReason, messages: number): void {
    this.example ??= { source: this.spec.app, text: `for ${this.spec.url.clean}` }
    this.world.account.drop(reason, messages, this.example)
    if (this.series) this.series.lost += messages
    this.world.notices.lost(this.spec, reason, messages)
    // Its disk may tell of losses when nobody else is left.
    if (this.removed && !this.delivery) this.world.notices.forget(this.spec)
  }

  private closed(): void {
    this.world.live.delete(this)
    this.ring = undefined
    this.delivery = undefined
    this.failure = undefined
    if (this.removed) this.release()
  }

  private release(): void {
    this.world.notices.forget(this.spec)
    if (this.series) this.world.series.close(this.series)
    this.series = undefined
  }
}
