/** OpenMetrics 1.0 text: one blank between tokens, families in one piece, `# EOF` at the end, whole page or nothing. */

import { isWord, sameBytes } from '../byte-runs.ts'
import { GroupTable } from './groups.ts'
import { NameTable } from './names.ts'
import { OpenMetricsSample, Role } from './openmetrics-sample.ts'
import { Has, Kind, type Page } from './page.ts'
import { LF } from './scanner.ts'

const TYPES = new Map<string, Kind>([
  ['unknown', Kind.untyped],
  ['gauge', Kind.gauge],
  ['counter', Kind.counter],
  ['stateset', Kind.stateset],
  ['info', Kind.info],
  ['histogram', Kind.histogram],
  ['gaugehistogram', Kind.gaugeHistogram],
  ['summary', Kind.summary],
])

/** Suffixes that samples of a kind may have; kinds that are not listed have none. */
const SUFFIXES: Partial<Record<Kind, Record<string, number>>> = {
  [Kind.counter]: { _total: Role.value, _created: Role.created },
  [Kind.info]: { _info: Role.value },
  [Kind.summary]: { '': Role.bucket, _count: Role.count, _sum: Role.sum, _created: Role.created },
  [Kind.histogram]: { _bucket: Role.bucket, _count: Role.count, _sum: Role.sum, _created: Role.created },
  [Kind.gaugeHistogram]: { _bucket: Role.bucket, _gcount: Role.count, _gsum: Role.sum },
}
const BARE: Record<string, number> = { '': Role.value }

export class OpenMetricsParser extends OpenMetricsSample {
  private readonly names = new NameTable()
  private readonly groups: GroupTable
  private hasSamples = false
  /** Name of the last sample: the same name has the same role. */
  private lastStart = 0
  private lastEnd = 0

  constructor(page: Page) {
    super(page)
    this.groups = new GroupTable(page)
  }

  /** Reads the whole page; false after the first error. */
  parse(): boolean {
    for (;;) {
      this.line++
      if (this.pos >= this.size) return this.noEnd()
      if (this.peek() === 0x23) {
        if (isWord(this.text, this.pos, this.lineEnd(), '# EOF')) return this.end()
        if (!this.descriptor()) return false
      } else if (!this.sample()) return false
    }
  }

  private noEnd(): false {
    this.error ??= { line: this.line, message: 'data does not end with # EOF' }
    return false
  }

  private end(): boolean {
    this.pos = this.lineEnd()
    if (this.pos + 1 >= this.size) return true
    return this.fail('unexpected data after # EOF')
  }

  private descriptor(): boolean {
    const keyword = this.text.toString('latin1', this.pos, Math.min(this.pos + 7, this.size))
    if (keyword !== '# TYPE ' && keyword !== '# HELP ' && keyword !== '# UNIT ') {
      return this.fail('expected # TYPE, # UNIT, # HELP or # EOF')
    }
    this.pos += 7
    this.metricName()
    if (!this.isLegacyName(5, 7)) return this.fail('invalid metric name in comment')
    if (!this.enterFamily()) return false
    if (this.hasSamples) return this.fail(`descriptor of ${this.familyName()} after its samples`)
    if (this.peek() !== 0x20) return this.fail(`expected text in ${keyword.slice(2, 6)}`)
    this.pos++
    if (keyword === '# TYPE ') return this.type()
    return keyword === '# HELP ' ? this.help() : this.unit()
  }

  /** Makes the family of the name in the token the current one, unless it was closed by another family. */
  private enterFamily(): boolean {
    const { page, names, tokenStart, tokenEnd } = this
    const id = names.intern(this.text, tokenStart, tokenEnd)
    if (id === this.family) return true
    if (id < page.familyCount) return this.fail(`metric family ${this.token()} stands in two places`)
    this.family = page.addFamily(tokenStart, tokenEnd)
    this.kind = Kind.unset
    this.hasSamples = false
    this.lastStart = this.lastEnd = 0
    return true
  }

  private type(): boolean {
    const { page, family } = this
    if (page.familyKind[family] !== Kind.unset)
      return this.fail(`second TYPE line for metric name ${this.familyName()}`)
    const start = this.pos
    this.pos = this.lineEnd()
    const kind = TYPES.get(this.text.toString('latin1', start, this.pos))
    if (kind === undefined) return this.fail(`invalid metric type ${this.quoted(start, this.pos)}`)
    this.kind = kind
    page.familyKind[family] = kind
    return this.endLine()
  }

  private unit(): boolean {
    const { page, family, text } = this
    if (page.familyUnitStart[family]! >= 0) return this.fail(`second UNIT line for metric name ${this.familyName()}`)
    const start = this.pos
    const end = this.lineEnd()
    this.pos = end
    const nameEnd = page.familyNameEnd[family]!
    const from = nameEnd - (end - start)
    const isSuffix =
      from - 1 > page.familyNameStart[family]! &&
      text[from - 1] === 0x5f &&
      sameBytes(text, start, end, text, from, nameEnd)
    if (end > start && !isSuffix) {
      return this.fail(`unit ${this.quoted(start, end)} not a suffix of metric ${this.familyName()}`)
    }
    page.familyUnitStart[family] = start
    page.familyUnitEnd[family] = end
    return this.endLine()
  }

  private help(): boolean {
    const { page, family } = this
    if (page.familyHelpStart[family]! >= 0) return this.fail(`second HELP line for metric name ${this.familyName()}`)
    const stop = this.resolve(this.pos, this.pos, LF)
    if (stop < 0) return false
    this.pos = stop
    page.familyHelpStart[family] = this.tokenStart
    page.familyHelpEnd[family] = this.tokenEnd
    return this.endLine()
  }

  private endLine(): boolean {
    if (this.pos >= this.size) return this.noEnd()
    this.pos++
    return true
  }

  private sample(): boolean {
    const labelFrom = this.page.labelCount
    this.metricName()
    if (this.tokenStart === this.tokenEnd || !this.isLegacyName(5, 7)) return this.fail('invalid metric name')
    if (!this.enterSample()) return false
    this.beginLabels()
    if (this.peek() === 0x7b && !this.labels(this.kind)) return false
    if (!this.readValue() || !this.checkValue()) return false
    return this.store(labelFrom) && this.endLine()
  }

  /** Finds family and role of the sample name in the token. */
  private enterSample(): boolean {
    const { page, text, tokenStart, tokenEnd } = this
    this.hasSamples = true
    if (sameBytes(text, this.lastStart, this.lastEnd, text, tokenStart, tokenEnd)) return true
    const role = this.family < 0 ? undefined : this.roleInFamily()
    if (role === undefined) {
      if (!this.enterFamily()) return false
      if (this.kind !== Kind.unset) return this.fail(`sample name ${this.token()} does not fit the type of its family`)
    }
    if (this.kind === Kind.unset) page.familyKind[this.family] = this.kind = Kind.untyped
    this.role = role ?? Role.value
    this.hasSamples = true
    this.lastStart = tokenStart
    this.lastEnd = tokenEnd
    return true
  }

  private roleInFamily(): number | undefined {
    const { page, family, text, tokenStart, tokenEnd } = this
    const start = page.familyNameStart[family]!
    const end = page.familyNameEnd[family]!
    const split = tokenStart + end - start
    if (split > tokenEnd || !sameBytes(text, start, end, text, tokenStart, split)) return undefined
    const suffixes = SUFFIXES[this.kind] ?? BARE
    const suffix = text.toString('latin1', split, tokenEnd)
    return Object.hasOwn(suffixes, suffix) ? suffixes[suffix] : undefined
  }

  private checkValue(): boolean {
    const { kind, role, value } = this
    const isCount = role === Role.count || (role === Role.bucket && kind !== Kind.summary)
    if ((isCount || (kind === Kind.counter && role === Role.value)) && !(value >= 0)) {
      return this.fail(`negative or missing count for ${this.familyName()}`)
    }
    if (kind === Kind.info && value !== 1) return this.fail(`info ${this.familyName()} must be 1`)
    if (kind === Kind.stateset && value !== 0 && value !== 1)
      return this.fail(`state of ${this.familyName()} must be 0 or 1`)
    if (role !== Role.bucket || !Number.isNaN(this.bound)) return true
    return this.fail(`sample of ${this.familyName()} without its le or quantile label`)
  }

  private store(labelFrom: number): boolean {
    const { page, family, kind, role, value } = this
    // An exemplar's labels stand behind the sample's: they must outlive the sample's own when a group takes them back.
    const held = this.exemplar < 0 ? null : this.setAside(this.exemplar)
    const isGrouped = kind === Kind.counter || SUFFIXES[kind]?._sum !== undefined || kind === Kind.gaugeHistogram
    const metric = isGrouped ? this.groups.metricFor(family, labelFrom) : page.addMetric(family, labelFrom)
    if (!Number.isNaN(this.time)) page.metricTime[metric] = this.time
    if (role === Role.created) page.metricCreated[metric] = value
    else if (role === Role.count) {
      page.metricCountValue[metric] = value
      page.metricFlags[metric]! |= Has.count
    } else if (role === Role.bucket) {
      const point = page.addPoint(metric, this.bound, value)
      page.pointExemplar[point] = this.exemplar
    } else {
      page.metricValue[metric] = value
      page.metricFlags[metric]! |= Has.sum
      page.metricExemplar[metric] = this.exemplar
    }
    if (held) this.putBack(held)
    return true
  }
}
