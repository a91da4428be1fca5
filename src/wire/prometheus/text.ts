/**
 * Exposition text 0.0.4 as the Go text parser reads it (prometheus/common 0.70, legacy name validation): strict, with the
 * same messages, whole page or nothing.
 */
import { isWord } from '../byte-runs.ts'
import { read, readFloat, readInteger } from '../number-text.ts'
import { GroupTable } from './groups.ts'
import { NameTable } from './names.ts'
import { Has, Kind, type Page } from './page.ts'
import { quoteByte } from './quote.ts'
import { isBoundLabel, LF, Scanner } from './scanner.ts'

const TYPES = new Map<string, Kind>([
  ['counter', Kind.counter],
  ['gauge', Kind.gauge],
  ['histogram', Kind.histogram],
  ['summary', Kind.summary],
  ['untyped', Kind.untyped],
  ['gaugehistogram', Kind.gaugeHistogram],
  ['gauge_histogram', Kind.gaugeHistogram],
])

/** What a sample's name says beyond its family. */
const Role = { own: 0, sum: 1, count: 2, bucket: 3 } as const

export class TextParser extends Scanner {
  private readonly names = new NameTable()
  /** By name id. */
  private nameFamily: number[] = []
  private nameRole: number[] = []
  private readonly groups: GroupTable
  private family = -1
  private role = 0
  private kind: Kind = Kind.unset
  private value = 0
  private time = Number.NaN

  constructor(page: Page) {
    super(page, false)
    this.groups = new GroupTable(page)
  }

  /** Reads the whole page; false after the first error. */
  parse(): boolean {
    for (;;) {
      this.line++
      const byte = this.skipBlanks()
      if (this.pos >= this.size) return true
      if (byte === LF) this.pos++
      else if (!(byte === 0x23 ? this.comment() : this.sample(byte))) return false
    }
  }

  private comment(): boolean {
    this.pos++
    this.skipBlanks()
    const start = this.pos
    this.pos = this.wordEnd()
    const isHelp = isWord(this.text, start, this.pos, 'HELP')
    if (this.peek() === LF || !(isHelp || isWord(this.text, start, this.pos, 'TYPE'))) return this.skipLine()
    this.skipBlanks()
    if (!this.metricName()) return false
    const byte = this.peek()
    if (byte === LF) return this.skipLine()
    if (byte !== 0x20 && byte !== 0x09) return this.fail('invalid metric name in comment')
    if (!this.enterFamily()) return false
    if (this.skipBlanks() === LF) return this.skipLine()
    return isHelp ? this.help() : this.type()
  }

  private skipLine(): boolean {
    this.pos = this.lineEnd()
    return this.endLine()
  }

  private endLine(): boolean {
    if (this.pos >= this.size) return this.fail('')
    this.pos++
    return true
  }

  private help(): boolean {
    const { page, family } = this
    if (page.familyHelpStart[family]! >= 0) return this.fail(`second HELP line for metric name ${this.familyName()}`)
    const end = this.lineEnd()
    const backslash = this.text.subarray(this.pos, end).indexOf(0x5c)
    if (backslash >= 0) {
      const stop = this.resolve(this.pos, this.pos + backslash, LF)
      if (stop < 0) return false
      this.pos = stop
    } else {
      this.tokenStart = this.pos
      this.tokenEnd = this.pos = end
    }
    page.familyHelpStart[family] = this.tokenStart
    page.familyHelpEnd[family] = this.tokenEnd
    return this.endLine()
  }

  private type(): boolean {
    const { page, family } = this
    if (page.familyKind[family] !== Kind.unset) {
      return this.fail(`second TYPE line for metric name ${this.familyName()}, or TYPE reported after samples`)
    }
    const start = this.pos
    this.pos = this.lineEnd()
    const kind = TYPES.get(this.text.toString('latin1', start, this.pos).toLowerCase())
    if (kind === undefined) return this.fail(`unknown metric type ${this.quoted(start, this.pos)}`)
    page.familyKind[family] = kind
    return this.endLine()
  }

  private familyName(): string {
    const { page, family } = this
    return family < 0 ? '""' : this.quoted(page.familyNameStart[family]!, page.familyNameEnd[family]!)
  }

  /** Makes the family of the name in the token the current one. */
  private enterFamily(): boolean {
    const { names, tokenStart, tokenEnd } = this
    const known = names.count
    const id = names.intern(this.text, tokenStart, tokenEnd)
    if (id === known && !this.addName(id)) return false
    this.family = this.nameFamily[id]!
    this.role = this.nameRole[id]!
    return true
  }

  private addName(id: number): boolean {
    const { text, tokenStart, tokenEnd } = this
    if (!this.isLegacyName(5, 7)) return this.fail(`invalid metric name ${this.token()}`)
    this.nameRole[id] = Role.own
    for (const [suffix, role] of SUFFIXES) {
      const end = tokenEnd - suffix.length
      if (end <= tokenStart || !isWord(text, end, tokenEnd, suffix)) continue
      const owner = this.names.find(text, tokenStart, end)
      if (owner < 0 || this.nameRole[owner] !== Role.own) continue
      const family = this.nameFamily[owner]!
      if (!takesRole(this.page.familyKind[family]!, role)) continue
      this.nameFamily[id] = family
      this.nameRole[id] = role
      return true
    }
    this.nameFamily[id] = this.page.addFamily(tokenStart, tokenEnd)
    return true
  }

  private sample(byte: number): boolean {
    const labelFrom = this.page.labelCount
    this.beginLabels()
    if (byte === 0x7b) {
      this.family = -1
      this.kind = Kind.unset
      if (!this.labels(labelFrom)) return false
    } else {
      if (!this.metricName()) return false
      if (this.tokenStart === this.tokenEnd) return this.fail('invalid metric name')
      if (!this.enterFamily()) return false
      this.fixKind()
      if (this.skipBlanks() === 0x7b && !this.labels(labelFrom)) return false
    }
    return this.readValue() && this.store(labelFrom)
  }

  /** A family whose type was not declared before its first sample is untyped for good. */
  private fixKind(): void {
    const { page, family } = this
    if (page.familyKind[family] === Kind.unset) page.familyKind[family] = Kind.untyped
    this.kind = page.familyKind[family] as Kind
  }

  /** Label set from its brace on; the name may stand among the labels when it did not stand before them. */
  private labels(labelFrom: number): boolean {
    const isNamed = this.family >= 0
    for (;;) {
      this.pos++
      let byte = this.skipBlanks()
      if (byte === 0x7d) break
      if (!this.labelName()) return false
      if (this.tokenStart === this.tokenEnd) return this.fail(`invalid label name for metric ${this.familyName()}`)
      byte = this.skipBlanks()
      if (byte !== 0x3d) {
        if (isNamed) return this.fail(`expected '=' after label name, found ${quoteByte(byte)}`)
        if (!this.innerName(byte, labelFrom)) return false
        if (byte === 0x7d) break
        continue
      }
      if (!this.checkLabelName() || !this.labelPair(this.kind)) return false
      byte = this.skipBlanks()
      if (byte === 0x7d) break
      if (byte !== 0x2c) return this.fail(`unexpected end of label value ${this.token()}`)
    }
    if (this.family < 0) return this.fail('invalid metric name')
    this.pos++
    this.skipBlanks()
    return true
  }

  private checkLabelName(): boolean {
    // Bare names are legacy names by the way they are read.
    const isQuoted = this.text[this.tokenEnd] === 0x22 || this.tokenStart > this.size
    if (isQuoted && !this.isLegacyName(1, 3)) return this.fail(`invalid label name ${this.token()}`)
    if (!isWord(this.text, this.tokenStart, this.tokenEnd, '__name__')) return true
    return this.fail('label name "__name__" is reserved')
  }

  protected override repeated(): boolean {
    return this.fail(`duplicate label names for metric ${this.familyName()}`)
  }

  /** The metric's name inside the braces: `{"my_metric",a="b"}`. */
  private innerName(byte: number, labelFrom: number): boolean {
    if (byte !== 0x2c && byte !== 0x7d) return this.fail(`unexpected end of metric name ${this.token()}`)
    if (this.family >= 0) return this.fail(`multiple metric names for metric ${this.familyName()}`)
    if (!this.enterFamily()) return false
    this.fixKind()
    return this.takeBound(labelFrom)
  }

  /** Bound labels that were read before the name was known. */
  private takeBound(labelFrom: number): boolean {
    const { page } = this
    for (let i = labelFrom; i < page.labelCount; i++) {
      const name = page.labelName[i]!
      if (!isBoundLabel(this.text, page.labelNames.start[name]!, page.labelNames.end[name]!, this.kind)) continue
      const start = page.labelStart[i]!
      const end = page.labelEnd[i]!
      page.labelName.copyWithin(i, i + 1, page.labelCount)
      page.labelStart.copyWithin(i, i + 1, page.labelCount)
      page.labelEnd.copyWithin(i, i + 1, page.labelCount)
      page.labelCount--
      return this.readBound(start, end, this.kind)
    }
    return true
  }

  /** Value and timestamp, up to the newline. */
  private readValue(): boolean {
    const { text } = this
    const start = this.pos
    this.pos = this.wordEnd()
    this.value = readFloat(text, start, this.pos)
    if (!read.ok) return this.fail(`expected float as value, got ${this.quoted(start, this.pos)}`)
    this.time = Number.NaN
    if (this.value < 0 && !this.checkPopulation()) return false
    if (this.peek() !== LF && !this.readTime()) return false
    return this.endLine()
  }

  private readTime(): boolean {
    this.skipBlanks()
    const start = this.pos
    this.pos = this.wordEnd()
    this.time = readInteger(this.text, start, this.pos)
    if (!read.ok) return this.fail(`expected integer as timestamp, got ${this.quoted(start, this.pos)}`)
    const end = this.pos
    this.pos = this.lineEnd()
    return this.pos === end || this.fail(`spurious string after timestamp: ${this.quoted(end, this.pos)}`)
  }

  private checkPopulation(): boolean {
    if (this.kind !== Kind.histogram && this.kind !== Kind.gaugeHistogram) return true
    if (this.role === Role.count) return this.fail(`negative count for histogram ${this.familyName()}`)
    const isBucket = this.role !== Role.sum && !Number.isNaN(this.bound)
    return !isBucket || this.fail(`negative bucket population for histogram ${this.familyName()}`)
  }

  private store(labelFrom: number): boolean {
    const { page, family, value } = this
    const isGrouped = this.kind >= Kind.histogram
    const metric = isGrouped ? this.groups.metricFor(family, labelFrom) : page.addMetric(family, labelFrom)
    if (!Number.isNaN(this.time)) page.metricTime[metric] = this.time
    if (!isGrouped || this.role === Role.sum) {
      page.metricValue[metric] = value
      page.metricFlags[metric]! |= Has.sum
    } else if (this.role === Role.count) {
      page.metricCountValue[metric] = value
      page.metricFlags[metric]! |= Has.count
    } else if (!Number.isNaN(this.bound)) page.addPoint(metric, this.bound, value)
    return true
  }
}

const SUFFIXES: [string, number][] = [
  ['_count', Role.count],
  ['_sum', Role.sum],
  ['_bucket', Role.bucket],
]

function takesRole(kind: number, role: number): boolean {
  return kind === Kind.histogram || kind === Kind.gaugeHistogram || (kind === Kind.summary && role !== Role.bucket)
}
