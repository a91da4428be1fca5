import type { Batch } from '../../telemetry/batch.ts'
import { EnvelopeFlag } from '../../telemetry/envelope-scan.ts'
import { Row } from '../../telemetry/record-index.ts'
import { frameGrowth, RecordWriter } from '../../telemetry/record-writer.ts'
import { copySpan, sameBytes } from '../../telemetry/value.ts'
import { readSmall, skipValue, small } from '../../telemetry/wire-walk.ts'
import { entry, readEntry } from '../../wire/convert/map-entry.ts'
import { DeprecatedTags, tagEntry } from './deprecated-tags.ts'

/** Default tags, prepared for looking up keys and for being appended. */
export interface DefaultTags {
  readonly keys: readonly Buffer[]
  /** Each tag as it is appended to an envelope. */
  readonly entries: readonly Buffer[]
  /** All of them, one behind the other. */
  readonly all: Buffer
  /** By length of a key: the numbers of the tags with such keys. */
  readonly byLength: readonly (readonly number[] | undefined)[]
}

export function newDefaultTags(tags: Readonly<Record<string, string>>): DefaultTags {
  const keys = Object.keys(tags).map((key) => Buffer.from(key))
  const entries = keys.map((key, i) => tagEntry(key, Buffer.from(Object.values(tags)[i]!)))
  const byLength: number[][] = []
  for (const [i, key] of keys.entries()) {
    byLength[key.length] ??= []
    byLength[key.length]!.push(i)
  }
  // Without holes, which V8 would have to look up elsewhere.
  const filled = Array.from(byLength, (list) => list)
  return { keys, entries, all: Buffer.concat(entries), byLength: filled }
}

/**
 * Tags v2 envelopes: deprecated tags are copied over the plain ones, then default tags fill the keys that are missing.
 * Most envelopes have no deprecated tags: those only get bytes appended.
 */
export function newTagger(tags: Readonly<Record<string, string>>): (batch: Batch) => Batch {
  const defaults = newDefaultTags(tags)
  const { all } = defaults
  const presence = newPresence(defaults)
  const deprecated = new DeprecatedTags()
  const writer = new RecordWriter()

  const append = (batch: Batch, rows: Uint32Array, row: number) => {
    const start = rows[row + Row.start]!
    const end = rows[row + Row.end]!
    presence.look(batch.buffer, start, end)
    if (presence.missing === 0) {
      writer.same(row)
      return
    }
    const size = end - start
    const at = writer.open(row, size + presence.missing)
    copySpan(writer.buffer, at, batch.buffer, start, end)
    presence.write(writer.buffer, at + size)
  }
  const rewrite = (batch: Batch, rows: Uint32Array, row: number) => {
    deprecated.read(batch.buffer, rows[row + Row.start]!, rows[row + Row.end]!)
    const { body } = deprecated
    presence.look(body.buf, 0, body.pos)
    const size = body.pos + presence.missing
    const { sourceStart, sourceEnd } = deprecated
    const at = writer.openNew(size, rows[row + Row.info]!, sourceStart, sourceEnd)
    body.buf.copy(writer.buffer, at, 0, body.pos)
    presence.write(writer.buffer, at + body.pos)
  }

  return (batch) => {
    const hasDeprecated = (batch.seen & EnvelopeFlag.deprecated) !== 0
    if (all.length === 0 && !hasDeprecated) return batch
    const { rows } = batch.index()
    let growth = batch.count * frameGrowth(all.length)
    if (hasDeprecated) {
      for (let i = 0; i < batch.count; i++) {
        const row = batch.rowAt(i)
        if (!(rows[row + Row.info]! & EnvelopeFlag.deprecated)) continue
        growth += deprecated.growth(batch.buffer, rows[row + Row.start]!, rows[row + Row.end]!)
      }
    }
    writer.begin(batch, growth)
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rowAt(i)
      if (rows[row + Row.info]! & EnvelopeFlag.deprecated) rewrite(batch, rows, row)
      else append(batch, rows, row)
    }
    return writer.finish()
  }
}

/** Which default tags one envelope lacks. */
interface Presence {
  /** Bytes of the tags that the envelope lacks. */
  missing: number
  look(buf: Uint8Array, start: number, end: number): void
  /** Writes the missing tags. */
  write(target: Buffer, pos: number): void
}

function newPresence({ keys, entries, all, byLength }: DefaultTags): Presence {
  const longest = byLength.length - 1
  /** Per tag: the number of the envelope that was last seen to have it. */
  const seenIn = new Float64Array(keys.length)
  let envelope = 0
  const note = (buf: Uint8Array, start: number, end: number) => {
    const size = end - start
    if (size > longest) return
    const candidates = byLength[size]
    if (candidates === undefined) return
    for (let i = 0; i < candidates.length; i++) {
      const tag = candidates[i]!
      if (seenIn[tag] === envelope || !sameBytes(buf, start, end, keys[tag]!, 0, size)) continue
      seenIn[tag] = envelope
      presence.missing -= entries[tag]!.length
    }
  }
  const lookAt = (buf: Uint8Array, start: number, end: number) => {
    if (end - start >= 4 && buf[start] === 0x0a && buf[start + 1]! < 0x80) {
      const key = start + 2 + buf[start + 1]!
      // {0a len key 12 len value} and nothing behind it: the shape that encoders write.
      if (key + 1 < end && buf[key] === 0x12 && key + 2 + buf[key + 1]! === end && buf[key + 1]! < 0x80) {
        note(buf, start + 2, key)
        return
      }
    }
    if (readEntry(buf, start, end)) note(buf, entry.keyStart, entry.keyEnd)
  }
  const presence: Presence = {
    missing: 0,
    look(buf, start, end) {
      envelope++
      presence.missing = all.length
      let pos = start
      while (pos < end && presence.missing > 0) {
        const tag = buf[pos]!
        const size = pos + 1 < end ? buf[pos + 1]! : 0x80
        if (tag < 0x80 && (tag & 7) === 2 && size < 0x80) {
          // Most fields are such: a tag and a length of one byte each.
          const body = pos + 2
          pos = body + size
          if (pos > end) return
          if (tag === 0x4a) lookAt(buf, body, pos)
          continue
        }
        const at = readSmall(buf, pos, end)
        const number = small.value
        pos = at < 0 ? -1 : skipValue(buf, at, end, number & 7)
        if (pos < 0) return
        if (number === 0x4a) lookAt(buf, pos - small.value, pos)
      }
    },
    write(target, pos) {
      if (presence.missing === all.length) {
        copySpan(target, pos, all, 0, all.length)
        return
      }
      let at = pos
      for (let i = 0; i < entries.length; i++) {
        if (seenIn[i] === envelope) continue
        at = copySpan(target, at, entries[i]!, 0, entries[i]!.length)
      }
    },
  }
  return presence
}
