import type { BackwardWriter } from '../protobuf.ts'
import { Key, keyBytes, keyMask } from './known-keys.ts'
import type { RowSpans } from './rows.ts'
import { writeText } from './text.ts'
import { type V1Body, v1Bodies } from './v1-bodies.ts'
import { eventTypeNames } from './v1-names.ts'
import { checkRequired, V1Verdict } from './v1-validate.ts'
import { V1Field, V1View } from './v1-view.ts'
import { V2Tags } from './v2-tags.ts'

export interface V1ToV2Options {
  /** True writes tags to `tags`; false writes them to `deprecated_tags` as text. */
  preferredTags: boolean
}

/** What became of the records; every record is in `made` or in `malformed`. */
export interface V1ToV2Counts {
  made: number
  /** Not a v1 envelope: does not parse, lacks a required field, or has an event type outside 4 to 9. */
  malformed: number
  /** Strings that were no UTF-8 (v1 does not check them, v2 must) and got U+FFFD. */
  repaired: number
}

const view = new V1View()
const slash = Buffer.from('/')

/**
 * Writes each v1 envelope as a v2 envelope (`batch` of an EnvelopeBatch), in order, in front of what `out` holds
 * (go-loggregator, conversion/tov2.go). The caller finishes or takes the writer.
 */
export function convertV1ToV2(rows: RowSpans, options: V1ToV2Options, out: BackwardWriter): V1ToV2Counts {
  const counts: V1ToV2Counts = { made: 0, malformed: 0, repaired: 0 }
  const { bytes, spans, first = 0, stride = 2 } = rows
  tags.begin(out, options.preferredTags)
  for (let at = first + (rows.count - 1) * stride; at >= first; at -= stride) {
    const valid = checkRequired(view, bytes, spans[at]!, spans[at + 1]!) === V1Verdict.accepted
    const body = valid ? v1Bodies[view.eventType] : undefined
    if (!body?.read(view)) {
      counts.malformed++
      continue
    }
    const mark = out.length
    writeEnvelope(view, body, out)
    out.message(1, mark)
    counts.made++
  }
  counts.repaired = tags.repaired
  return counts
}

const tags = new V2Tags()

/** Tags that the conversion itself sets or takes away, for every event type. */
const headerKeys = keyMask(Key.origin, Key.deployment, Key.job, Key.index, Key.ip, Key.__v1_type, Key.source_id)
const typeNames = eventTypeNames.map((name) => Buffer.from(name ?? ''))

/** Last field first: the message, tags, instance_id, source_id, timestamp. */
function writeEnvelope(v1: V1View, body: V1Body, out: BackwardWriter): void {
  tags.repaired += body.write(v1, out, tags)
  tags.addText(Key.__v1_type, typeNames[v1.eventType]!)
  writeHeaderTag(v1, Key.ip, V1Field.ip)
  writeHeaderTag(v1, Key.index, V1Field.index)
  writeHeaderTag(v1, Key.job, V1Field.job)
  writeHeaderTag(v1, Key.deployment, V1Field.deployment)
  writeHeaderTag(v1, Key.origin, V1Field.origin)
  const table = v1.tags
  const taken = headerKeys | body.takes
  for (let i = table.count - 1; i >= 0; i--) {
    if (table.isDead(i) || (taken >>> table.code(i)) & 1) continue
    tags.addEntry(v1.bytes, table.keyStart(i), table.keyEnd(i), table.valueStart(i), table.valueEnd(i))
  }
  tags.repaired += body.writeInstance(v1, out)
  const ownSource = body.writeSource(v1, out)
  if (ownSource < 0) writeSource(v1, out)
  else tags.repaired += ownSource
  if (v1.timestampLo !== 0 || v1.timestampHi !== 0) {
    out.varint64(v1.timestampLo, v1.timestampHi)
    out.tag(1, 0)
  }
}

function writeHeaderTag(v1: V1View, key: number, field: number): void {
  const name = keyBytes[key]!
  tags.add(name, 0, name.length, v1.bytes, v1.start(field), v1.end(field))
}

/** source_id from the tag of that name if there is one, else `<deployment>/<job>`. */
function writeSource(v1: V1View, out: BackwardWriter): void {
  const { bytes, tags: table } = v1
  const tag = table.find(Key.source_id)
  if (tag >= 0) {
    if (table.valueStart(tag) === table.valueEnd(tag)) return
    tags.repaired += writeText(out, 2, bytes, table.valueStart(tag), table.valueEnd(tag))
    return
  }
  const deployment = bytes.subarray(v1.start(V1Field.deployment), v1.end(V1Field.deployment))
  const joined = Buffer.concat([deployment, slash, bytes.subarray(v1.start(V1Field.job), v1.end(V1Field.job))])
  tags.repaired += writeText(out, 2, joined, 0, joined.length)
}
