import type { BackwardWriter } from '../protobuf.ts'
import { isUtf8, textOf } from '../utf8.ts'

/** Writes a string field, repaired where it is no UTF-8. Answers 1 when it was repaired, else 0. */
export function writeText(out: BackwardWriter, field: number, bytes: Uint8Array, start: number, end: number): number {
  if (isUtf8(bytes, start, end)) {
    out.bytesField(field, bytes, start, end)
    return 0
  }
  out.textField(field, textOf(bytes, start, end))
  return 1
}
