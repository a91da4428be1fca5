import type { BackwardWriter } from '../protobuf.ts'
import { Key, keyBytes } from './known-keys.ts'
import { V1Field, V1View } from './v1-view.ts'

/** Values for header fields of a v1 envelope; an empty one is written too, as the original tagger does. */
export interface V1Defaults {
  deployment: string
  job: string
  index: string
  ip: string
}

/** Header fields ready to be appended, by descending field number. */
export type V1Tagger = readonly { field: number; value: Buffer }[]

export function newV1Tagger(defaults: V1Defaults): V1Tagger {
  return [
    { field: V1Field.ip, value: Buffer.from(defaults.ip) },
    { field: V1Field.index, value: Buffer.from(defaults.index) },
    { field: V1Field.job, value: Buffer.from(defaults.job) },
    { field: V1Field.deployment, value: Buffer.from(defaults.deployment) },
  ]
}

/** Appends nothing but the `source_id` tag. */
export const noV1Defaults: V1Tagger = []

const view = new V1View()

/**
 * Writes what the envelope that `v1` has just read lacks: the tagger's fields (an explicit empty one stays), and the tag
 * `source_id`, set to the origin, when missing or empty. It belongs behind the envelope's own bytes.
 */
export function writeMissingV1(v1: V1View, tagger: V1Tagger, out: BackwardWriter): void {
  for (let i = 0; i < tagger.length; i++) {
    const { field, value } = tagger[i]!
    if (!v1.has(field)) out.bytesField(field, value)
  }
  if (v1.hasSourceId) return
  const name = keyBytes[Key.source_id]!
  out.entryField(17, name, 0, name.length, v1.bytes, v1.start(V1Field.origin), v1.end(V1Field.origin))
}

/**
 * Writes the accepted v1 envelope `bytes[start, end)` as field 1 of a list with what it lacks (`writeMissingV1`) behind
 * it: what came in stays byte for byte. False, and nothing is written, when the bytes do not parse.
 */
export function writeTaggedV1(
  bytes: Uint8Array,
  start: number,
  end: number,
  tagger: V1Tagger,
  out: BackwardWriter,
): boolean {
  if (!view.readHeader(bytes, start, end)) return false
  const mark = out.length
  writeMissingV1(view, tagger, out)
  out.raw(bytes, start, end)
  out.message(1, mark)
  return true
}
