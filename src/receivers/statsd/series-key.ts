import { copyBytes, sameBytes } from '../../wire/byte-runs.ts'
import type { StatsdParser } from '../../wire/statsd/parse.ts'

const LF = 0x0a
const COMMA = 0x2c
const COLON = 0x3a
/** More tags than anybody uses; a datagram could hold 16 000 and sorting is not free. */
const mostTags = 128

/**
 * The identity of a sample's series as bytes: `name LF key:value,key:value LF container`. Tags are sorted by key, and of
 * equal keys the last one counts, so that the order in which a client writes them makes no difference.
 */
export class SeriesKey {
  bytes: Buffer = Buffer.allocUnsafeSlow(1024)
  end = 0
  /** Tags left out: beyond the limit, or without a value. */
  skippedTags = 0
  private readonly keepsSimple: boolean
  private count = 0
  private readonly keyStart = new Int32Array(mostTags)
  private readonly keyEnd = new Int32Array(mostTags)
  private readonly valueEnd = new Int32Array(mostTags)

  /** `keepsSimple`: tags without a value count, too. */
  constructor(keepsSimple: boolean) {
    this.keepsSimple = keepsSimple
  }

  /** Reads the current sample of `parser`, which stands on `datagram`. */
  read(datagram: Buffer, parser: StatsdParser): void {
    const { nameStart, nameEnd, tagsStart, tagsEnd, containerStart, containerEnd } = parser
    const room = nameEnd - nameStart + tagsEnd - tagsStart + containerEnd - containerStart + mostTags * 2 + 2
    if (this.bytes.length < room) this.bytes = Buffer.allocUnsafeSlow(room * 2)
    this.end = copyBytes(this.bytes, 0, datagram, nameStart, nameEnd)
    this.bytes[this.end++] = LF
    if (tagsEnd > tagsStart) this.tags(datagram, parser)
    this.bytes[this.end++] = LF
    this.end = copyBytes(this.bytes, this.end, datagram, containerStart, containerEnd)
  }

  private tags(datagram: Buffer, parser: StatsdParser): void {
    this.count = 0
    while (parser.nextTag()) {
      const isSimple = parser.tagValueEnd === parser.keyEnd
      if (this.count === mostTags || (isSimple && !this.keepsSimple) || parser.keyEnd === parser.keyStart)
        this.skippedTags++
      else this.insert(datagram, parser.keyStart, parser.keyEnd, parser.tagValueEnd)
    }
    for (let i = 0; i < this.count; i++) {
      if (i > 0) this.bytes[this.end++] = COMMA
      this.end = copyBytes(this.bytes, this.end, datagram, this.keyStart[i]!, this.keyEnd[i]!)
      this.bytes[this.end++] = COLON
      if (this.valueEnd[i]! > this.keyEnd[i]!) {
        this.end = copyBytes(this.bytes, this.end, datagram, this.keyEnd[i]! + 1, this.valueEnd[i]!)
      }
    }
  }

  private insert(datagram: Buffer, start: number, end: number, valueEnd: number): void {
    const { keyStart, keyEnd } = this
    let at = this.count
    while (at > 0 && compare(datagram, keyStart[at - 1]!, keyEnd[at - 1]!, start, end) > 0) at--
    if (at > 0 && sameBytes(datagram, keyStart[at - 1]!, keyEnd[at - 1]!, datagram, start, end)) at--
    else {
      keyStart.copyWithin(at + 1, at, this.count)
      keyEnd.copyWithin(at + 1, at, this.count)
      this.valueEnd.copyWithin(at + 1, at, this.count)
      this.count++
    }
    keyStart[at] = start
    keyEnd[at] = end
    this.valueEnd[at] = valueEnd
  }
}

function compare(bytes: Buffer, aStart: number, aEnd: number, bStart: number, bEnd: number): number {
  let a = aStart
  let b = bStart
  for (; a < aEnd && b < bEnd; a++, b++) if (bytes[a] !== bytes[b]) return bytes[a]! - bytes[b]!
  return aEnd - a - (bEnd - b)
}

/** The parts of a key that `SeriesKey` made; bytes that are no UTF-8 show as U+FFFD. */
export function keyParts(key: Buffer): { name: string; tags: [key: string, value: string][]; container: string } {
  const [name = '', tagText = '', container = ''] = key.toString('utf8').split('\n')
  const tags =
    tagText === ''
      ? []
      : tagText.split(',').map((tag): [string, string] => {
          const colon = tag.indexOf(':')
          return [tag.slice(0, colon), tag.slice(colon + 1)]
        })
  return { name, tags, container }
}
