import type { Loss, ShownSample, Why } from '../admin/why.ts'
import { safeText } from '../printing/safe-text.ts'
import { type AgentFlags, askJson, oneAgent } from './admin-client.ts'
import { ExitCode } from './exit-codes.ts'
import { clockTime, grouped, placeName, records, span, wrapped } from './words.ts'

export interface WhyFlags extends AgentFlags {
  readonly sourceId?: string
  readonly component?: string
  readonly json?: boolean
}

/** Says what was lost, where, for which reason, since when, and how to mend it. */
export async function why(flags: WhyFlags): Promise<number> {
  const agent = await oneAgent(flags)
  const query = new URLSearchParams()
  if (flags.sourceId !== undefined) query.set('source_id', flags.sourceId)
  if (flags.component !== undefined) query.set('component', flags.component)
  const answer = (await askJson(agent, 'GET', `/v1/why?${query}`)) as Why
  process.stdout.write(flags.json ? `${JSON.stringify(answer, null, 2)}\n` : whyText(answer, flags))
  return ExitCode.ok
}

/** The answer for people. */
export function whyText(
  { since, losses, refusals, unattributed }: Why,
  asked: Pick<WhyFlags, 'sourceId' | 'component'>,
  now = new Date(),
): string {
  const { sourceId, component } = asked
  const whose = `${sourceId === undefined ? '' : ` of source ${sourceId}`}${component === undefined ? '' : ` at ${component}`}`
  const began = `since the agent started, ${clockTime(since, now)} (${span((now.getTime() - Date.parse(since)) / 1000)} ago)`
  const total = losses.reduce((sum, loss) => sum + lostBy(loss, sourceId), 0)
  const about = sourceId === undefined ? '' : 'about '
  const parts = [
    losses.length === 0 ? `No loss${whose} is known ${began}.` : `Lost${whose} ${began}: ${about}${records(total)}.`,
    ...losses.map((loss, i) => lossText(loss, i + 1, sourceId, now)),
  ]
  if (unattributed && unattributed.length > 0) parts.push(unattributedText(unattributed, sourceId!))
  if (refusals.length > 0) parts.push(refusalsText(refusals))
  return `${parts.map((part) => part.split('\n').map(safeText).join('\n')).join('\n\n')}\n`
}

const lostBy = ({ records, sources }: Loss, sourceId: string | undefined): number =>
  sourceId === undefined ? records : sources.reduce((sum, source) => sum + source.estimated_records, 0)

function lossText(loss: Loss, number: number, sourceId: string | undefined, now: Date): string {
  const { reason, meaning, advice, first, last, samples } = loss
  const part = lostBy(loss, sourceId)
  const share = sourceId === undefined ? records(part) : `about ${grouped(part)} of ${records(loss.records)}`
  const lines = [`${number}. ${placeName(loss)}: ${reason}, ${share}`, `   ${meaning}`]
  if (first !== null && last !== null) {
    const seconds = (now.getTime() - Date.parse(last)) / 1000
    const ago = seconds < 2 ? 'just now' : `${span(seconds)} ago`
    lines.push(`   first ${clockTime(first, now)}, last ${clockTime(last, now)} (${ago})`)
  }
  if (sourceId === undefined && loss.sources.length > 0)
    lines.push(`   who, estimated from samples: ${sharesText(loss)}`)
  lines.push(wrapped(`To mend it: ${advice}`, '   '), `   More: docs/losses.md#${reason}`)
  if (samples.length > 0)
    lines.push('   Last samples, secrets masked:', ...samples.map((sample) => sampleText(sample, now)))
  return lines.join('\n')
}

/** The sources that lost most: `app-1 90 %, app-2 10 %`. */
function sharesText({ sources }: Loss): string {
  const total = sources.reduce((sum, source) => sum + source.estimated_records, 0)
  const named = sources.slice(0, 5).map(({ source_id, estimated_records }) => {
    return `${source_id} ${Math.round((100 * estimated_records) / Math.max(1, total))} %`
  })
  return named.join(', ') + (sources.length > 5 ? `, ${sources.length - 5} more` : '')
}

function sampleText({ at, source_id, extract, destination, detail }: ShownSample, now: Date): string {
  const to = destination === undefined ? '' : ` to ${destination}`
  const said = detail === undefined ? '' : `${extract === '' ? '' : '\n               '}because: ${detail}`
  return `     ${clockTime(at, now)}  ${source_id === '' ? '' : `[${source_id}]${to} `}${extract}${said}`
}

/** Receivers say how many; exporters, which count the same records, why. */
function refusalsText(refusals: Why['refusals']): string {
  const lines = (all: Why['refusals']) => all.map((each) => `   ${placeName(each)}: ${records(each.records)}`)
  const receivers = refusals.filter(({ kind }) => kind === 'receiver')
  const queues = refusals.filter(({ kind }) => kind !== 'receiver')
  const why = queues.length > 0 ? ['because there was no room in', ...lines(queues)] : []
  return ['Sent back to their senders, who may repeat them, which is no loss:', ...lines(receivers), ...why].join('\n')
}

function unattributedText(all: NonNullable<Why['unattributed']>, sourceId: string): string {
  const lines = all.map((each) => `   ${placeName(each)}: ${each.reason}, ${records(each.records)}`)
  const head = `Other losses; none of their samples is of ${sourceId}, which may still have lost something there:`
  return [head, ...lines].join('\n')
}
