import { sameBytes } from '../telemetry/value.ts'

const slots = 1024
const probes = 4

/**
 * What was decided about keys, remembered by their bytes: records have the same few keys over and over, and a regular
 * expression or a string for each of them costs more than all else. Bounded: a key too many displaces another.
 */
export class KeyVerdicts {
  private readonly keys: (Buffer | undefined)[] = new Array(slots).fill(undefined)
  private readonly verdicts = new Int32Array(slots)
  private readonly decide: (key: string) => number

  constructor(decide: (key: string) => number) {
    this.decide = decide
  }

  of(buf: Uint8Array, start: number, end: number): number {
    let hash = end - start
    for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + buf[i]!) | 0
    const first = (hash ^ (hash >>> 15)) & (slots - 1)
    for (let i = 0; i < probes; i++) {
      const slot = (first + i) & (slots - 1)
      const key = this.keys[slot]
      if (key === undefined) return this.learn(slot, buf, start, end)
      if (sameBytes(key, 0, key.length, buf, start, end)) return this.verdicts[slot]!
    }
    return this.learn(first, buf, start, end)
  }

  private learn(slot: number, buf: Uint8Array, start: number, end: number): number {
    const key = Buffer.from(buf.subarray(start, end))
    const verdict = this.decide(key.toString())
    // Keys that no one uses twice would only cost memory.
    if (key.length <= 256) {
      this.keys[slot] = key
      this.verdicts[slot] = verdict
    }
    return verdict
  }
}
