import type { IncomingMessage } from 'node:http'
import type { Flow, Report } from '../../admin/report.ts'
import type { Route } from '../../net/http-server.ts'

type Cell = string | number
interface Table {
  readonly title: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
}

interface Page {
  readonly title: string
  /** The part of the report that `?format=json` answers. */
  json(report: Report): unknown
  tables(report: Report, query: URLSearchParams): readonly Table[]
}

const all: Readonly<Record<string, Page>> = {
  servicez: {
    title: 'Service',
    json: (report) => report,
    tables: (report) => [serviceTable(report), componentTable(report, () => true), flowTable(report.flows, 'Records')],
  },
  pipelinez: {
    title: 'Pipelines',
    json: ({ pipelines, flows }) => ({ pipelines, flows }),
    tables(report, query) {
      const named = query.get('pipelinenamez')
      const one = query.get('componentnamez')
      const flows = report.flows.filter(({ id }) => one === null || id === one)
      return [pipelineTable(report, named), flowTable(flows, one === null ? 'Records' : `Records at ${one}`)]
    },
  },
  extensionz: {
    title: 'Extensions',
    json: ({ components }) => components.filter(({ kind }) => kind === 'extension'),
    tables: (report) => [componentTable(report, ({ kind }) => kind === 'extension')],
  },
}

/** The routes of the pages. Each answers JSON for `?format=json`, or for readers that accept nothing else. */
export function pages(report: () => Report): Record<string, Route> {
  const entries = Object.entries(all).map(([name, page]): [string, Route] => [
    `/debug/${name}`,
    (request, response) => {
      const query = new URL(request.url ?? '/', 'http://localhost').searchParams
      const now = report()
      if (wantsJson(request, query)) {
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(`${JSON.stringify(page.json(now), null, 2)}\n`)
        return
      }
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
      response.end(html(page.title, page.tables(now, query)))
    },
  ])
  const index: Route = (_request, response) => void response.writeHead(302, { location: '/debug/servicez' }).end()
  return { '/': index, '/debug': index, ...Object.fromEntries(entries) }
}

function wantsJson(request: IncomingMessage, query: URLSearchParams): boolean {
  const format = query.get('format')
  if (format !== null) return format === 'json'
  return request.headers.accept === 'application/json'
}

function serviceTable({ service }: Report): Table {
  const { ready, ready_since, pid, uptime_seconds, cpu_seconds, memory, connections } = service
  const open = Object.entries(connections).map(([name, n]): Cell[] => [name.replaceAll('_', ' '), n])
  return {
    title: 'Process',
    head: ['', ''],
    rows: [
      ['ready', ready ? `yes, since ${ready_since}` : 'no'],
      ['process', pid],
      ['up', `${uptime_seconds} s`],
      ['CPU', `${cpu_seconds.toFixed(2)} s`],
      ['memory', `${mib(memory.rss)} resident, ${mib(memory.heap)} heap, ${mib(memory.buffers)} buffers`],
      ['in queues', mib(memory.queued)],
      ...open,
    ],
  }
}

function componentTable({ components }: Report, show: (component: Report['components'][number]) => boolean): Table {
  return {
    title: 'Components',
    head: ['kind', 'id', 'state', 'required', 'error'],
    rows: components
      .filter(show)
      .map(({ kind, id, state, required, error }) => [kind, id, state, required ? 'yes' : 'no', error ?? '']),
  }
}

function pipelineTable({ pipelines }: Report, named: string | null): Table {
  return {
    title: 'Pipelines',
    head: ['id', 'carries', 'receivers', 'processors', 'exporters'],
    rows: pipelines
      .filter(({ id }) => named === null || id === named)
      .map(({ id, format, receivers, processors, exporters }) => {
        return [id, format, receivers.join(', '), processors.join(' → '), exporters.join(', ')]
      }),
  }
}

function flowTable(flows: readonly Flow[], title: string): Table {
  return {
    title,
    head: ['at', 'in', 'out', 'held', 'refused', 'lost', 'in/s', 'out/s', 'lost/s'],
    rows: flows.map((flow) => [
      [`${flow.kind} ${flow.id}`, ...Object.entries(flow.labels).map(([name, value]) => `${name}=${value}`)].join(' '),
      flow.in,
      flow.out,
      flow.held,
      flow.refused,
      Object.entries(flow.dropped)
        .map(([reason, n]) => `${reason} ${n}`)
        .join(', ') || 0,
      flow.rate.in,
      flow.rate.out,
      flow.rate.dropped,
    ]),
  }
}

const mib = (bytes: number): string => `${(bytes / (1 << 20)).toFixed(1)} MiB`

const style =
  'body{font:14px system-ui;margin:2em}table{border-collapse:collapse;margin:0 0 2em}td,th{padding:3px 10px;' +
  'border-bottom:1px solid #ddd;text-align:left}td:not(:first-child){font-variant-numeric:tabular-nums}'

function html(title: string, tables: readonly Table[]): string {
  const links = Object.entries(all).map(([name, page]) => `<a href="/debug/${name}">${page.title}</a>`)
  const json = '<a href="?format=json">JSON</a>'
  const head = `<!doctype html><meta charset="utf-8"><title>tailrace: ${title}</title><style>${style}</style>`
  return `${head}<p>${[...links, json].join(' | ')}</p>${tables.map(tableHtml).join('')}\n`
}

function tableHtml({ title, head, rows }: Table): string {
  const line = (tag: string, cells: readonly Cell[]) =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(String(cell))}</${tag}>`).join('')}</tr>`
  const top = head.some((cell) => cell !== '') ? line('th', head) : ''
  return `<h2>${escaped(title)}</h2><table>${top}${rows.map((row) => line('td', row)).join('')}</table>`
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (char) => entities[char]!)
