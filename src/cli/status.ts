import type { Status } from '../admin/api.ts'
import { safeText } from '../printing/safe-text.ts'
import { type AgentFlags, askJson, findAgents, type RunningAgent } from './admin-client.ts'
import { ExitCode } from './exit-codes.ts'
import { clockTime, columns, grouped, mebibytes, placeName, records, span } from './words.ts'

export type StatusFlags = AgentFlags & { readonly json?: boolean }

/** Says what runs and how it is; with several agents, which there are. */
export async function status(flags: StatusFlags): Promise<number> {
  const agents = await findAgents(flags)
  if (flags.json) {
    const all = await Promise.all(agents.map(statusOf))
    // One agent is an object, as its socket answers; several are a list.
    process.stdout.write(`${JSON.stringify(all.length === 1 ? all[0] : all, null, 2)}\n`)
    return ExitCode.ok
  }
  const only = agents.length === 1 ? agents[0] : undefined
  if (only) process.stdout.write(statusText((await statusOf(only)) as Status))
  else process.stdout.write(await listText(agents))
  return ExitCode.ok
}

const statusOf = (agent: RunningAgent) => askJson(agent, 'GET', '/v1/status')

async function listText(agents: readonly RunningAgent[]): Promise<string> {
  const answers = await Promise.allSettled(agents.map((agent) => askJson(agent, 'GET', '/v1/status?over_ms=0')))
  const rows = agents.map((agent, i) => {
    const answer = answers[i]!
    const pid = String(agent.pid)
    if (answer.status === 'rejected') return [pid, agent.name, 'does not answer', '', '', '', agent.where]
    const { service, losses } = answer.value as Status
    const lost = losses.reduce((sum, loss) => sum + loss.records, 0)
    const up = span(service.uptime_seconds)
    return [
      pid,
      agent.name,
      service.ready ? 'ready' : 'not ready',
      up,
      mebibytes(service.memory.rss),
      grouped(lost),
      agent.where,
    ]
  })
  const head = ['process', 'name', 'state', 'up', 'memory', 'lost', 'socket']
  const lines = columns([head, ...rows], [1, 2, 6]).map(safeText)
  return `${agents.length} agents run; --pid PROCESS shows one of them\n\n${lines.join('\n')}\n`
}

/** Everything about one agent, on a screen or two. */
export function statusText(status: Status): string {
  const { agent, service, components, pipelines, flows, losses, refusals } = status
  const { memory, connections } = service
  const state = service.ready ? `ready since ${clockTime(service.ready_since)}` : 'not ready'
  const open = Object.entries(connections).filter(([, n]) => n > 0)
  const lost = losses.reduce((sum, loss) => sum + loss.records, 0)
  // Exporters count the same records: they are why.
  const back = refusals.filter(({ kind }) => kind === 'receiver').reduce((sum, each) => sum + each.records, 0)
  const lines = [
    `tailrace ${agent.version} (${agent.name}), process ${service.pid}: ${state}, up ${span(service.uptime_seconds)}`,
    `  configuration  ${agent.configuration.join(', ')}`,
    `  used           ${service.cpu_seconds.toFixed(1)} s CPU, ${mebibytes(memory.rss)} memory, of it ${mebibytes(memory.queued)} in queues`,
    `  open           ${open.map(([name, n]) => `${name.replaceAll('_', ' ')} ${n}`).join(', ') || 'nothing'}`,
    '',
    ...columns([['component', 'state'], ...components.map(componentRow)], [0, 1]),
    '',
    ...columns([['pipeline', 'carries', 'way'], ...pipelines.map(pipelineRow)], [0, 1, 2]),
    '',
    ...columns([['records at', 'in/s', 'out/s', 'in', 'out', 'waiting', 'lost'], ...inOrder(flows).map(flowRow)]),
    '',
    lost === 0
      ? 'No record was lost since the start.'
      : `${records(lost)} lost since the start: tailrace why says where and why.`,
    ...(back > 0 ? [`${records(back)} sent back to their senders, who may repeat them: that is no loss.`] : []),
  ]
  return `${lines.map(safeText).join('\n')}\n`
}

function componentRow({ kind, id, state, required, error, since }: Status['components'][number]): string[] {
  const optional = required ? '' : ' (not required)'
  const trouble = state === 'ok' ? '' : ` since ${clockTime(since)}`
  return [`${kind} ${id}`, `${state}${optional}${trouble}${error === undefined ? '' : `: ${error}`}`]
}

function pipelineRow({ id, format, receivers, processors, exporters }: Status['pipelines'][number]): string[] {
  const stages = [receivers.join(', '), ...(processors.length > 0 ? [processors.join(', ')] : []), exporters.join(', ')]
  return [id, format, stages.join(' -> ')]
}

const order: Readonly<Record<string, number>> = { receiver: 0, processor: 1, queue: 2 }

/** The way records take. */
const inOrder = (flows: Status['flows']) => flows.toSorted((a, b) => order[a.kind]! - order[b.kind]!)

function flowRow(flow: Status['flows'][number]): string[] {
  const lost = Object.values(flow.dropped).reduce((sum, n) => sum + n, 0)
  const { rate } = flow
  const disk = flow.disk && flow.disk.records > 0 ? ` (${grouped(flow.disk.records)} on disk)` : ''
  return [
    placeName(flow),
    ...[rate.in, rate.out, flow.in, flow.out].map(grouped),
    grouped(flow.held) + disk,
    grouped(lost),
  ]
}
