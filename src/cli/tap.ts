import type { ShownRecord } from '../admin/record-json.ts'
import { printedRecord } from '../admin/record-json.ts'
import type { TapGap, TappedRecord } from '../admin/tap.ts'
import type { TapPoint } from '../engine/taps.ts'
import { cfLine, colourPaint, plainPaint, tagLine } from '../printing/cf-line.ts'
import { safeJson, safeText } from '../printing/safe-text.ts'
import { type AgentFlags, askLines, oneAgent } from './admin-client.ts'
import { ExitCode } from './exit-codes.ts'
import { flagNumber } from './flag-number.ts'
import { untilInterrupted } from './interrupted.ts'
import { grouped } from './words.ts'

export interface TapFlags extends AgentFlags {
  readonly sourceId?: string
  readonly grep?: string
  readonly rate: string
  readonly tags?: boolean
  readonly json?: boolean
}

type TapLine = { readonly watching: readonly TapPoint[] } | TapGap | TappedRecord

/** When nothing has passed for so long, somebody may wonder whether it works. */
const silenceMs = 5000

/** Shows records that pass a point of the running agent until Ctrl-C. */
export async function tap(id: string, flags: TapFlags): Promise<number> {
  const rate = Math.round(flagNumber('--rate', flags.rate, 1, 1000))
  const agent = await oneAgent(flags)
  const query = new URLSearchParams({ id, rate: String(rate) })
  if (flags.sourceId !== undefined) query.set('source_id', flags.sourceId)
  if (flags.grep !== undefined) query.set('grep', flags.grep)
  const note = (text: string) => void process.stderr.write(`${safeText(text)}\n`)
  const printer = newPrinter(flags)
  let silent = setTimeout(() => {}, 0)
  const hear = () => {
    clearTimeout(silent)
    silent = setTimeout(
      () => note(`nothing${isFiltered(flags) ? ' that fits' : ''} has passed for 5 s; still watching`),
      silenceMs,
    )
  }
  await untilInterrupted(async (signal) => {
    await askLines(
      agent,
      `/v1/tap?${query}`,
      (value) => {
        const line = value as TapLine
        if ('watching' in line && !flags.json) note(`watching ${line.watching.map(pointName).join('; ')}; Ctrl-C ends`)
        hear()
        for (const text of printer(line)) process.stdout.write(`${text}\n`)
      },
      signal,
    )
    if (!signal.aborted) note('the agent has ended')
  })
  clearTimeout(silent)
  return ExitCode.ok
}

const isFiltered = ({ sourceId, grep }: TapFlags) => sourceId !== undefined || grep !== undefined

const pointName = ({ kind, id, pipeline, format }: TapPoint): string => {
  const place = kind === 'exporter' ? 'what goes into' : 'what comes out of'
  const where = pipeline ? ` in ${pipeline}` : format ? ` as ${format}` : ''
  return `${place} ${kind} ${id}${where}`
}

/** Lines for one message of the agent. */
export function newPrinter(flags: Pick<TapFlags, 'json' | 'tags' | 'rate'>): (line: TapLine) => string[] {
  const paint = process.stdout.isTTY && !process.env.NO_COLOR ? colourPaint : plainPaint
  return (line) => {
    if (flags.json) return [safeJson(JSON.stringify(line))]
    if ('watching' in line) return []
    if ('omitted' in line) return [paint.dim(gapText(line, flags.rate))]
    const record = printedRecord(line as ShownRecord)
    return flags.tags ? [cfLine(record, paint), tagLine(record, paint)] : [cfLine(record, paint)]
  }
}

function gapText({ omitted, unseen }: TapGap, rate: string): string {
  const parts: string[] = []
  if (omitted > 0) parts.push(`${grouped(omitted)} more, not shown (--rate ${rate})`)
  if (unseen > 0) parts.push(`${grouped(unseen)} not looked at (--rate ${rate} was reached, or too many came)`)
  return `   ... ${parts.join('; ')}`
}
