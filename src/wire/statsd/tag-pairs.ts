/** The tag list of one StatsD line, `a:b,c:d`, as spans; of equal keys the last one stays. */
import { isWord, sameBytes } from '../byte-runs.ts'

const COLON = 0x3a
const COMMA = 0x2c
/** From here on equal keys are found with a map instead of by comparing all pairs: a datagram holds up to 16 000. */
const MANY = 32

export class TagPairs {
  count = 0
  keyStart = new Int32Array(16)
  keyEnd = new Int32Array(16)
  valueStart = new Int32Array(16)
  valueEnd = new Int32Array(16)
  /** Whether one of the keys is `origin`. */
  hasOrigin = false

  /** Reads `bytes[start, end)`; returns how many pairs were skipped because they have no colon. */
  read(bytes: Buffer, start: number, end: number): number {
    this.count = 0
    this.hasOrigin = false
    let skipped = 0
    for (let pos = start; pos < end; ) {
      let colon = -1
      let valueEnd = -1
      let stop = pos
      for (; stop < end && bytes[stop] !== COMMA; stop++) {
        if (bytes[stop] !== COLON) continue
        // A second colon ends the value: what follows is dropped, as the original does.
        if (colon < 0) colon = stop
        else if (valueEnd < 0) valueEnd = stop
      }
      if (colon < 0) skipped++
      else this.add(bytes, pos, colon, valueEnd < 0 ? stop : valueEnd)
      // A comma at the very end has an empty pair behind it.
      if (stop === end - 1) skipped++
      pos = stop + 1
    }
    if (this.count > MANY) this.keepLast(bytes)
    return skipped
  }

  private add(bytes: Uint8Array, keyStart: number, keyEnd: number, valueEnd: number): void {
    if (isWord(bytes, keyStart, keyEnd, 'origin')) this.hasOrigin = true
    const at = this.count < MANY ? this.find(bytes, keyStart, keyEnd) : this.count
    if (at === this.count) this.count++
    if (at === this.keyStart.length) this.grow()
    this.keyStart[at] = keyStart
    this.keyEnd[at] = keyEnd
    this.valueStart[at] = keyEnd + 1
    this.valueEnd[at] = valueEnd
  }

  private find(bytes: Uint8Array, start: number, end: number): number {
    let at = 0
    while (at < this.count && !sameBytes(bytes, this.keyStart[at]!, this.keyEnd[at]!, bytes, start, end)) at++
    return at
  }

  private keepLast(bytes: Buffer): void {
    const places = new Map<string, number>()
    let count = 0
    for (let i = 0; i < this.count; i++) {
      const key = bytes.toString('latin1', this.keyStart[i]!, this.keyEnd[i]!)
      const at = places.get(key) ?? count
      places.set(key, at)
      if (at === count) count++
      this.keyStart[at] = this.keyStart[i]!
      this.keyEnd[at] = this.keyEnd[i]!
      this.valueStart[at] = this.valueStart[i]!
      this.valueEnd[at] = this.valueEnd[i]!
    }
    this.count = count
  }

  private grow(): void {
    const wider = (array: Int32Array<ArrayBuffer>) => {
      const next = new Int32Array(array.length * 2)
      next.set(array)
      return next
    }
    this.keyStart = wider(this.keyStart)
    this.keyEnd = wider(this.keyEnd)
    this.valueStart = wider(this.valueStart)
    this.valueEnd = wider(this.valueEnd)
  }
}
