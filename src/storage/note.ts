import type { Origin } from '../telemetry/origin.ts'
import type { SpoolNote } from './contract.ts'

const written = new WeakMap<Origin, Buffer>()
let lastBytes = Buffer.alloc(0)
let lastNote: SpoolNote | undefined

/** The bytes of a note; none for an empty one. An origin alone, which whole connections share, is written once. */
export function noteBytes(note: SpoolNote | undefined): Buffer | undefined {
  if (!note) return undefined
  const { origin, refusal } = note
  if (refusal) return Buffer.from(JSON.stringify({ origin, refusal }))
  if (!origin) return undefined
  let bytes = written.get(origin)
  if (!bytes) {
    bytes = Buffer.from(JSON.stringify({ origin }))
    written.set(origin, bytes)
  }
  return bytes
}

/** Reads a note. Batches with the same note one after the other share it, so that those of one connection can be joined. */
export function parseNote(bytes: Buffer): SpoolNote | undefined {
  if (bytes.length === 0) return undefined
  if (bytes.equals(lastBytes)) return lastNote
  lastBytes = Buffer.from(bytes)
  try {
    lastNote = JSON.parse(bytes.toString()) as SpoolNote
  } catch {
    lastNote = undefined
  }
  return lastNote
}
