import type { Batch } from './batch.ts'
import { Draft } from './draft.ts'
import { spanFrame } from './frames.ts'
import { Level } from './level.ts'
import { Group, groupSize } from './record-index.ts'
import { Site } from './site.ts'

/** What is made of a metric (the body of one): another body in its place, or undefined; `add` puts more behind it. */
export type MetricChange = (metric: Buffer, add: (metric: Buffer) => void) => Buffer | undefined

const dataFields: readonly number[] = [5, 7, 9, 10, 11]
const metricField = 2

/** A metric that stands nowhere in the batch. */
class Body {
  readonly metric = new Draft()
  dataField = 0
  private readonly inner = new Draft()
  private hasInner = false
  /** Whether it is other than what it was at first. */
  private isNew = false
  private place = -1

  get changed(): boolean {
    return this.isNew || this.metric.changed || (this.hasInner && this.inner.changed)
  }

  load(body: Buffer, isNew: boolean): this {
    const { metric } = this
    metric.load(body, 0, body.length, 0)
    this.isNew = isNew
    this.hasInner = false
    this.place = -1
    for (let i = 0; i < metric.count; i++) if (dataFields.includes(metric.fieldOf(i))) this.place = i
    this.dataField = this.place < 0 ? 0 : metric.fieldOf(this.place)
    return this
  }

  get data(): Draft {
    const { inner, metric, place } = this
    if (this.hasInner) return inner
    this.hasInner = true
    const has = place >= 0 && (metric.tagOf(place) & 7) === 2
    inner.load(metric.bufOf(place), has ? metric.startOf(place) : 0, has ? metric.endOf(place) : 0, 0)
    return inner
  }

  /** The body with all that was written in it. */
  bytes(): Buffer {
    const { metric, inner, place } = this
    if (this.hasInner && inner.changed && place >= 0) {
      this.isNew = true
      inner.changed = false
      metric.replace(place, spanFrame(this.dataField, inner.bytes()))
    }
    return metric.bytes()
  }
}

/**
 * A site whose metrics can be changed as a whole: `change` while it stands on the first point of one, then `keep` or
 * `forget`. What is read and written of the metric after `change` is the new one. Points are not to be written to in
 * the same pass: their places may be gone.
 */
export class MetricSite extends Site {
  private readonly own = new Body()
  private readonly guest = new Body()
  /** What the site stands on, when it is not the metric as it lies in the batch. */
  private stands: Body | undefined
  /** What was added since it was last asked for. */
  private added: Buffer[] = []
  /** Per ScopeMetrics, as a position in `groups`: the frames that go behind its metrics. */
  private readonly behind = new Map<number, Buffer[]>()
  private recount = false

  override get dataField(): number {
    return this.stands ? this.stands.dataField : super.dataField
  }

  override begin(batch: Batch): this {
    this.stands = undefined
    this.added = []
    this.behind.clear()
    this.recount = false
    return super.begin(batch)
  }

  override draft(level: Level): Draft {
    if (this.stands && level === Level.metric) return this.stands.metric
    if (this.stands && level === Level.data) return this.stands.data
    return super.draft(level)
  }

  /** Makes another metric of the one it stands on. Throws what `change` throws. */
  change(change: MetricChange): void {
    this.stands ??= this.own.load(this.written(), false)
    const { stands } = this
    const body = change(stands.bytes(), (metric) => void this.added.push(metric))
    if (body) stands.load(body, true)
  }

  /** The metrics that were added since the last call. */
  takeAdded(): readonly Buffer[] {
    if (this.added.length === 0) return this.added
    const { added } = this
    this.added = []
    return added
  }

  /** Runs `work` on a metric that was added: what became of it, or undefined when `work` answers false. */
  visit(metric: Buffer, work: () => boolean): Buffer | undefined {
    const { stands } = this
    this.stands = this.guest.load(metric, true)
    try {
      return work() ? this.guest.bytes() : undefined
    } finally {
      this.stands = stands
    }
  }

  /** What was made of the metric counts, and these stand behind the others of its scope. */
  keep(added: readonly Buffer[]): void {
    const { groups, stands } = this
    this.stands = undefined
    if (stands?.changed) {
      const at = this.around(Level.metric)
      const edits = this.edits!
      const number = edits.ofGroup(groups, at / groupSize)
      edits.replace(groups[at + Group.start]!, groups[at + Group.end]!, stands.bytes(), number)
      this.drafts[Level.metric]!.changed = this.drafts[Level.data]!.changed = false
      this.recount = true
    }
    if (added.length === 0) return
    const scope = this.around(Level.scope)
    const frames = this.behind.get(scope) ?? []
    for (const metric of added) frames.push(spanFrame(metricField, metric))
    this.behind.set(scope, frames)
  }

  /** The metric is given up. */
  forget(): void {
    this.stands = undefined
    this.added = []
  }

  override finish(batch: Batch, rows?: Uint32Array): Batch {
    const { groups } = this
    for (const [scope, frames] of this.behind) {
      const end = groups[scope + Group.end]!
      const edits = this.edits!
      edits.replace(end, end, Buffer.concat(frames), edits.ofGroup(groups, scope / groupSize))
    }
    const isOther = this.recount || this.behind.size > 0
    const out = super.finish(batch, rows)
    return isOther ? out.recounted() : out
  }

  /** The body of the metric in the batch, with what was written in it. */
  private written(): Buffer {
    const metric = super.draft(Level.metric)
    const data = this.drafts[Level.data]!
    if (!this.loaded[Level.data] || !data.changed) return metric.bytes()
    const { metric: copy } = this.guest.load(metric.bytes(), false)
    copy.put(super.dataField, spanFrame(super.dataField, data.bytes()))
    return copy.bytes()
  }
}
