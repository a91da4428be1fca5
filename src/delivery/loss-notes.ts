import { safeText } from '../printing/safe-text.ts'
import { maskSecrets } from '../runtime/mask-secrets.ts'
import type { Labels } from '../runtime/metrics.ts'
import { Batch } from '../telemetry/batch.ts'
import { exampleOf, lostRecord } from './loss-example.ts'

/**
 * What is known of lost records: the batch they were in, the bytes that came, or a few words, perhaps with the source id.
 * Read at once, never kept. A function makes a batch, and says which of its records were lost, when it is looked at.
 */
export type Evidence =
  | Batch
  | Uint8Array
  | string
  | { readonly source: string; readonly text: string }
  | (() => { readonly batch: Batch; readonly part: LostPart })

/** Which records of the batch were lost: those from a number on, or those that are not in another batch made of it. */
export type LostPart = number | Batch

/** One lost record, as a person may see it. */
export interface LossSample {
  /** Wall time in milliseconds. */
  readonly at: number
  /** How many were lost with it at that moment. */
  readonly records: number
  /** Source id; empty when it is not known. */
  readonly source: string
  /** A short part of it, secrets masked; empty when it is not known. */
  readonly extract: string
  /** Of a destination that comes and goes: its labels. */
  readonly labels?: Labels
  /** What the peer said. */
  readonly detail?: string
}

/** What one source lost, estimated: every sample stands for the records lost since the one before. */
export interface SourceLoss {
  records: number
  first: number
  last: number
}

const keptSamples = 5
const keptSources = 32
/** Between two samples of one reason at one place, milliseconds. */
const everyMs = 200
/** Characters of an extract. */
const extractLength = 160
/** Characters that are looked at for secrets: one that begins in the extract must be seen as a whole. */
const maskedLength = 1024

/** Lets so many samples be taken in a second, whatever is lost. */
export class SamplePace {
  private readonly perSecond: number
  private second = Number.NEGATIVE_INFINITY
  private taken = 0

  constructor(perSecond = 50) {
    this.perSecond = perSecond
  }

  /** `now` in milliseconds, of any clock. */
  allows(now: number): boolean {
    if (Math.abs(now - this.second) >= 1000) {
      this.second = now
      this.taken = 0
    }
    return this.taken++ < this.perSecond
  }
}

/** What is remembered of the losses of one reason at one place: since when, a few samples, who loses most. Bounded. */
export class LossNotes {
  /** Wall time in milliseconds of the first and the last loss. */
  readonly first: number
  last: number
  private readonly recent: LossSample[] = []
  private readonly bySource = new Map<string, SourceLoss>()
  private sampledAt = Number.NEGATIVE_INFINITY
  private unsampled = 0

  constructor(now: number) {
    this.first = now
    this.last = now
  }

  /** The last samples, the newest first. */
  get samples(): readonly LossSample[] {
    return this.recent.toReversed()
  }

  /** Sources by what they lost, the most first. */
  get sources(): readonly (readonly [string, Readonly<SourceLoss>])[] {
    return [...this.bySource].sort(([, a], [, b]) => b.records - a.records)
  }

  /** Counts a loss; whether a sample of it should be taken. */
  note(now: number, records: number): boolean {
    this.last = now
    this.unsampled += records
    // A wall clock may be set back.
    return Math.abs(now - this.sampledAt) >= everyMs
  }

  sample(
    now: number,
    records: number,
    evidence: Evidence,
    part: LostPart,
    more: { labels?: Labels | undefined; detail?: string | undefined; random?: number } = {},
  ): void {
    this.sampledAt = now
    const { source, text } = readExample(evidence, part, records, more.random ?? Math.random())
    const { labels, detail } = more
    if (source === '' && text === '' && !detail) return
    this.recent.push({
      at: now,
      records,
      source: short(source, 64),
      extract: short(text, extractLength),
      ...(labels && { labels }),
      ...(detail && { detail: short(detail, extractLength) }),
    })
    if (this.recent.length > keptSamples) this.recent.shift()
    if (source !== '') this.addSource(short(source, 64), now)
    this.unsampled = 0
  }

  private addSource(source: string, now: number): void {
    const known = this.bySource.get(source)
    if (known) {
      known.records += this.unsampled
      known.last = now
      return
    }
    if (this.bySource.size >= keptSources) {
      const [least] = [...this.bySource].reduce((a, b) => (b[1].records < a[1].records ? b : a))
      this.bySource.delete(least)
    }
    this.bySource.set(source, { records: this.unsampled, first: now, last: now })
  }
}

function readExample(
  evidence: Evidence,
  part: LostPart,
  records: number,
  random: number,
): { readonly source: string; readonly text: string } {
  try {
    if (typeof evidence === 'function') {
      const made = evidence()
      return readExample(made.batch, made.part, records, random)
    }
    if (typeof evidence === 'string') return { source: '', text: evidence }
    if (evidence instanceof Uint8Array) return { source: '', text: textOf(evidence) }
    if (!(evidence instanceof Batch)) return evidence
    const found = lostRecord(evidence, part, records, random)
    return found === undefined ? nothing : exampleOf(evidence, found)
  } catch {
    // What cannot be read may be why it was lost.
    return nothing
  }
}

/** Bytes of any protocol, as far as they are text. */
const textOf = (bytes: Uint8Array): string =>
  safeText(
    Buffer.from(bytes.subarray(0, maskedLength))
      .toString()
      .trim()
      .replace(/[\x00-\x08\x0e-\x1f\x7f-\x9f\ufffd]+/g, ' '),
  )

const nothing = { source: '', text: '' }

/** Safe to show, and short. */
function short(text: string, most: number): string {
  const masked = maskSecrets(text.slice(0, maskedLength))
  return masked.length > most ? `${masked.slice(0, most - 3).trimEnd()}...` : masked
}
