/** The parts of an OpenMetrics sample behind its name: labels, value, timestamp, exemplar. */

import { isWord } from '../byte-runs.ts'
import { read, readFloat } from '../number-text.ts'
import { Kind, type Page } from './page.ts'
import { quoteByte } from './quote.ts'
import { LF, Scanner } from './scanner.ts'

/** What a sample's suffix says. */
export const Role = { value: 0, sum: 1, count: 2, bucket: 3, created: 4 } as const

const MAX_EXEMPLAR_RUNES = 128

export class OpenMetricsSample extends Scanner {
  protected family = -1
  protected kind: Kind = Kind.unset
  protected role = 0
  protected value = 0
  protected time = Number.NaN
  /** Index of the sample's exemplar, or -1. */
  protected exemplar = -1

  constructor(page: Page) {
    super(page, true)
  }

  protected familyName(): string {
    const { page, family } = this
    return this.quoted(page.familyNameStart[family]!, page.familyNameEnd[family]!)
  }

  protected override repeated(): boolean {
    return this.fail(`duplicate label names for metric ${this.familyName()}`)
  }

  /** `{a="b",c="d"}`, a comma before the closing brace tolerated; stands behind the brace. */
  protected labels(kind: Kind): boolean {
    this.pos++
    for (;;) {
      if (this.peek() === 0x7d) break
      this.labelName()
      if (!this.isLegacyName(1, 3)) return this.fail(`invalid label name for metric ${this.familyName()}`)
      if (this.peek() !== 0x3d) return this.fail(`expected '=' after label name, found ${quoteByte(this.peek())}`)
      if (!this.labelPair(kind)) return false
      const byte = this.peek()
      if (byte === 0x7d) break
      if (byte !== 0x2c) return this.fail(`unexpected end of label value ${this.token()}`)
      this.pos++
    }
    this.pos++
    return true
  }

  /** ` value[ timestamp][ # {labels} value[ timestamp]]`, up to the newline. */
  protected readValue(): boolean {
    if (!this.number('value')) return false
    this.value = this.scalar
    if (!this.readTime()) return false
    this.time = this.scalar
    this.exemplar = -1
    return this.peek() === LF || this.readExemplar()
  }

  private scalar = 0

  /** A blank and a number, into `scalar`. */
  private number(what: string): boolean {
    if (this.peek() !== 0x20) return this.fail(`expected one blank before the ${what}, found ${quoteByte(this.peek())}`)
    this.pos++
    const start = this.pos
    this.pos = this.wordEnd()
    this.scalar = readFloat(this.text, start, this.pos)
    return read.ok || this.fail(`expected float as ${what}, got ${this.quoted(start, this.pos)}`)
  }

  private readTime(): boolean {
    this.scalar = Number.NaN
    const isNext = this.peek() === 0x20 && this.text[this.pos + 1] !== 0x23
    if (!isNext) return true
    if (!this.number('timestamp')) return false
    return Number.isFinite(this.scalar) || this.fail('invalid timestamp')
  }

  private readExemplar(): boolean {
    const { page } = this
    if (!isWord(this.text, this.pos, Math.min(this.pos + 4, this.size), ' # {')) {
      return this.fail(`unexpected ${quoteByte(this.peek())} behind the value`)
    }
    const isAllowed = this.kind === Kind.counter ? this.role === Role.value : this.role === Role.bucket
    if (!isAllowed || this.kind === Kind.summary) return this.fail('exemplar on a sample that is no counter or bucket')
    this.pos += 3
    const bound = this.bound
    const labelFrom = page.labelCount
    this.beginLabels()
    if (!this.labels(Kind.unset)) return false
    const labelCount = page.labelCount - labelFrom
    if (this.exemplarRunes(labelFrom) > MAX_EXEMPLAR_RUNES)
      return this.fail('exemplar labels longer than 128 characters')
    if (!this.number('exemplar value')) return false
    const value = this.scalar
    if (!this.readTime()) return false
    this.exemplar = page.exemplars.push({ labelFrom, labelCount, value, time: this.scalar }) - 1
    this.bound = bound
    return this.peek() === LF || this.fail(`unexpected ${quoteByte(this.peek())} behind the exemplar`)
  }

  private exemplarRunes(labelFrom: number): number {
    const { page } = this
    let runes = 0
    for (let i = labelFrom; i < page.labelCount; i++) {
      const name = page.labelName[i]!
      runes += page.labelNames.end[name]! - page.labelNames.start[name]!
      for (let at = page.labelStart[i]!; at < page.labelEnd[i]!; at++) if ((page.text[at]! & 0xc0) !== 0x80) runes++
    }
    return runes
  }

  protected setAside(exemplar: number): number[] {
    const { page } = this
    const { labelFrom, labelCount } = page.exemplars[exemplar]!
    const held: number[] = []
    for (let i = labelFrom; i < labelFrom + labelCount; i++) {
      held.push(page.labelName[i]!, page.labelStart[i]!, page.labelEnd[i]!)
    }
    page.labelCount = labelFrom
    return held
  }

  protected putBack(held: number[]): void {
    const { page } = this
    page.exemplars[this.exemplar]!.labelFrom = page.labelCount
    for (let i = 0; i < held.length; i += 3) page.addLabel(held[i]!, held[i + 1]!, held[i + 2]!)
  }
}
