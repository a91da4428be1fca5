import { BackwardWriter } from '../protobuf.ts'
import { isUtf8, textOf } from '../utf8.ts'
import { keyBytes } from './known-keys.ts'

/** Writes tags of v2 envelopes, either to `tags` (field 9) or to `deprecated_tags` (field 3) as `{text}`; repairs UTF-8. */
export class V2Tags {
  /** Strings that were no UTF-8, since `begin`. */
  repaired = 0
  private out = new BackwardWriter(0)
  private plain = true

  begin(out: BackwardWriter, plain: boolean): void {
    this.out = out
    this.plain = plain
    this.repaired = 0
  }

  /** A tag whose key is one of ours. */
  addText(key: number, value: Uint8Array): void {
    const name = keyBytes[key]!
    this.add(name, 0, name.length, value, 0, value.length)
  }

  /** A tag of which key and value lie in the same bytes. */
  addEntry(bytes: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    this.add(bytes, keyStart, keyEnd, bytes, valueStart, valueEnd)
  }

  add(
    keys: Uint8Array,
    keyStart: number,
    keyEnd: number,
    values: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    if (!isUtf8(keys, keyStart, keyEnd)) {
      const key = Buffer.from(textOf(keys, keyStart, keyEnd))
      this.repaired++
      this.add(key, 0, key.length, values, valueStart, valueEnd)
    } else if (!isUtf8(values, valueStart, valueEnd)) {
      const value = Buffer.from(textOf(values, valueStart, valueEnd))
      this.repaired++
      this.add(keys, keyStart, keyEnd, value, 0, value.length)
    } else if (this.plain) {
      this.out.entryField(9, keys, keyStart, keyEnd, values, valueStart, valueEnd)
    } else {
      this.out.textAttribute(3, keys, keyStart, keyEnd, values, valueStart, valueEnd)
    }
  }
}
