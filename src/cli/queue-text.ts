import { basename } from 'node:path'
import { printedRecord, shownRecord } from '../admin/record-json.ts'
import { cfLine, colourPaint, plainPaint } from '../printing/cf-line.ts'
import { readBatch } from '../printing/read-batch.ts'
import { safeJson, safeText } from '../printing/safe-text.ts'
import type { SpoolRecord } from '../storage/contract.ts'
import type { QueueInfo, Verified } from '../storage/inspect.ts'
import { Batch } from '../telemetry/batch.ts'
import { columns, grouped, mebibytes, records, span } from './words.ts'

/** What is in a folder, where the format of its batches does not say it. */
interface Holds {
  readonly holds?: string | undefined
}

/** A table of queues. */
export function listText(queues: readonly (QueueInfo & Holds)[], now: number): string {
  const rows = queues.map(({ folder, batches, records, bytes, oldest, quarantined, holder, holds }) => [
    holds ? `${basename(folder)} (${holds})` : basename(folder),
    grouped(batches),
    grouped(records),
    mebibytes(bytes),
    oldest === undefined ? '' : span((now - oldest) / 1000),
    quarantined.things > 0 ? `${quarantined.things} (${mebibytes(quarantined.bytes)})` : '',
    holder ?? '',
  ])
  const head = ['queue', 'batches', 'records', 'on disk', 'oldest', 'damaged', 'in use by']
  return `${columns([head, ...rows], [0, 6])
    .map(safeText)
    .join('\n')}\n`
}

/** One paragraph for each queue. */
export function verifiedText({ folder, batches, records: all, bytes, faults, cutOff }: Verified): string {
  const lines = [
    `${folder}: ${grouped(batches)} batches, ${records(all)}, ${mebibytes(bytes)}: ${faults.length === 0 ? 'sound' : `${faults.length} damaged`}`,
    ...faults.map(({ file, offset, bytes, records: lost, text }) => {
      const cost = lost === undefined ? '' : `; costs ${records(lost)}`
      return `  ${file} at ${offset}, ${grouped(bytes)} bytes: ${text}${cost}`
    }),
    ...(cutOff > 0 ? [`  ${grouped(cutOff)} bytes of a write that was cut off, or is under way: no damage`] : []),
  ]
  return `${lines.map(safeText).join('\n')}\n`
}

/** One batch, and its first records, secrets masked. */
export function batchText(record: SpoolRecord & Holds, most: number): string {
  const { sequence, at, format, count, payload, note, holds = format } = record
  const paint = process.stdout.isTTY && !process.env.NO_COLOR ? colourPaint : plainPaint
  const from = note?.origin ? ` from ${note.origin.address}` : ''
  const size = `${holds}, ${records(count)}, ${grouped(payload.length)} bytes${from}`
  const lines = [paint.name(safeText(`#${sequence}  ${new Date(at).toISOString()}  ${size}`))]
  const { refusal } = note ?? {}
  if (refusal) lines.push(safeText(`  refused as ${refusal.reason}${refusal.detail ? `: ${refusal.detail}` : ''}`))
  for (const record of shown(format, payload, most)) lines.push(`  ${cfLine(printedRecord(record), paint)}`)
  if (count > most && most > 0) lines.push(`  ... ${grouped(count - most)} more`)
  return `${lines.join('\n')}\n`
}

/** The same as one line of JSON. */
export function batchJson(record: SpoolRecord & Holds, most: number): string {
  const { sequence, at, format, count, payload, note, holds } = record
  const batch = { sequence, at: new Date(at).toISOString(), format, holds, count, bytes: payload.length, ...note }
  return `${safeJson(JSON.stringify({ ...batch, records: shown(format, payload, most) }))}\n`
}

function shown(format: SpoolRecord['format'], payload: Buffer, most: number) {
  return readBatch(Batch.of(format, payload), most).map((record) => shownRecord(record, format))
}
