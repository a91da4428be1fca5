import type { BackwardWriter } from '../protobuf.ts'

/** Start and end of the interval, halves of nanoseconds. */
export interface Times {
  startLo: number
  startHi: number
  lo: number
  hi: number
}

const FIXED64 = 1

/** A double field, 0 included. */
export function doubleField(out: BackwardWriter, field: number, value: number): void {
  out.double(value)
  out.tag(field, FIXED64)
}

/** A fixed64 field that holds a whole number from 0 to 2^53 - 1, or an sfixed64 one that may be negative. */
export function fixedField(out: BackwardWriter, field: number, value: number): void {
  wholeFixed64(out, value)
  out.tag(field, FIXED64)
}

export function wholeFixed64(out: BackwardWriter, value: number): void {
  out.fixed64(value >>> 0, Math.floor(value / 4294967296) >>> 0)
}

/** `start_time_unix_nano` and `time_unix_nano`, fields 2 and 3 of every kind of point. */
export function timeFields(out: BackwardWriter, { startLo, startHi, lo, hi }: Times): void {
  out.fixed64(lo, hi)
  out.tag(3, FIXED64)
  if (startLo === 0 && startHi === 0) return
  out.fixed64(startLo, startHi)
  out.tag(2, FIXED64)
}

/** A NumberDataPoint as field 1. `attributes` are encoded fields. */
export function numberPoint(
  out: BackwardWriter,
  attributes: Uint8Array,
  times: Times,
  value: number,
  asInteger: boolean,
): void {
  const end = out.length
  out.raw(attributes)
  if (asInteger) fixedField(out, 6, value)
  else doubleField(out, 4, value)
  timeFields(out, times)
  out.message(1, end)
}

/** An encoded list of `KeyValue` with text values, each as `field`. */
export function encodeAttributes(
  out: BackwardWriter,
  field: number,
  attributes: Iterable<readonly [string, string]>,
): Buffer {
  out.reset()
  for (const [key, value] of [...attributes].toReversed()) {
    const end = out.length
    out.textField(1, value)
    out.message(2, end)
    out.textField(1, key)
    out.message(field, end)
  }
  return out.take()
}
