import type { JsonReader } from './json-reader.ts'

/** Bytes in the last string that the reader read, from base64 (both alphabets, padded or not). */
export function readBase64(json: JsonReader): Buffer {
  const text = json.text()
  if (!/^[\w+/-]*={0,2}$/.test(text)) json.fail('expected base64', json.start)
  return Buffer.from(text, 'base64')
}

const ids = { 16: Buffer.alloc(16), 8: Buffer.alloc(8) }
const none = Buffer.alloc(0)

/** An id of `size` bytes in the last string, from hexadecimal of any case; empty text is no id. Valid until the next. */
export function readHex(json: JsonReader, size: 16 | 8): Buffer {
  const { buf, start, stop } = json
  if (start === stop) return none
  if (stop - start !== size * 2) json.fail(`expected ${size * 2} hexadecimal digits, got ${stop - start}`, start)
  const id = ids[size]
  for (let i = 0; i < size; i++) {
    const high = digit(buf[start + 2 * i]!)
    const low = digit(buf[start + 2 * i + 1]!)
    if (high < 0 || low < 0) json.fail('expected hexadecimal digits', start)
    id[i] = (high << 4) | low
  }
  return id
}

function digit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
