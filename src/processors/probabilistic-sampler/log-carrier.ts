import type { Cursor } from '../../plugin.ts'
import { putEntry } from '../../telemetry/entries.ts'
import { found, readAnyValue } from '../../telemetry/find-field.ts'
import { entryFrame } from '../../telemetry/frames.ts'
import { Level } from '../../telemetry/level.ts'
import type { Site } from '../../telemetry/site.ts'
import { Value, ValueType } from '../../telemetry/value.ts'
import { type Bits56, parseRandomness, parseThreshold, randomnessText, thresholdText } from './bits56.ts'
import type { Carrier } from './carrier.ts'

const attributes = 6
const randomnessKey = Buffer.from('sampling.randomness')
const thresholdKey = Buffer.from('sampling.threshold')
const value = new Value()

/** Log records: the attributes `sampling.randomness` and `sampling.threshold`. */
export class LogCarrier implements Carrier {
  changed = false
  randomness: Readonly<Bits56> | undefined
  threshold: Readonly<Bits56> | undefined
  private thresholdWritten = ''
  /** Per kept record: its randomness, when that is to be written, and its threshold. */
  private readonly frames: (Buffer | undefined)[] = []
  private readonly randomnessFrame = newEntries(randomnessKey)
  private readonly thresholdFrame = newEntries(thresholdKey)

  read(cursor: Cursor): string | undefined {
    const threshold = textOf(cursor, thresholdKey)
    const randomness = textOf(cursor, randomnessKey)
    this.thresholdWritten = threshold
    this.threshold = threshold === '' ? undefined : parseThreshold(threshold)
    this.randomness = randomness === '' ? undefined : parseRandomness(randomness)
    if (threshold !== '' && !this.threshold) return 'a sampling.threshold that is not 1 to 14 hexadecimal digits'
    if (randomness !== '' && !this.randomness) return 'a sampling.randomness that is not 14 hexadecimal digits'
    return undefined
  }

  begin(): void {
    this.frames.length = 0
    this.changed = false
  }

  keep(threshold: Readonly<Bits56>, randomness: Readonly<Bits56> | undefined): void {
    const text = thresholdText(threshold)
    const same = text === this.thresholdWritten
    if (same && !randomness) {
      this.keepAsIs()
      return
    }
    this.frames.push(randomness && this.randomnessFrame(randomnessText(randomness)))
    this.frames.push(same ? undefined : this.thresholdFrame(text))
    this.changed = true
  }

  keepAsIs(): void {
    this.frames.push(undefined, undefined)
  }

  apply(site: Site, i: number): void {
    const randomness = this.frames[i * 2]
    const threshold = this.frames[i * 2 + 1]
    if (randomness) putEntry(site.draft(Level.record), attributes, randomnessKey, randomness)
    if (threshold) putEntry(site.draft(Level.record), attributes, thresholdKey, threshold)
  }
}

/** The text of an attribute; empty when it is absent or of another type. */
function textOf(cursor: Cursor, key: Buffer): string {
  if (!cursor.findEntry(Level.record, attributes, key)) return ''
  readAnyValue(found.buf, found.start, found.end, value)
  return value.type === ValueType.text ? value.toString() : ''
}

/** A maker of entries, which remembers the last one. */
function newEntries(key: Buffer): (text: string) => Buffer {
  const content = new Value()
  let last = ''
  let frame: Buffer = Buffer.alloc(0)
  return (text) => {
    if (text === last) return frame
    last = text
    content.text(Buffer.from(text))
    frame = entryFrame(attributes, key, content, 'any')
    return frame
  }
}
