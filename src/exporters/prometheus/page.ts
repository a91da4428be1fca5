import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { PassThrough, type Transform } from 'node:stream'
import { createGzip } from 'node:zlib'
import type { Clock } from '../../plugin.ts'
import { TEXT_CONTENT_TYPE } from '../../wire/prometheus/write.ts'
import { familyHead, type RenderOptions, seriesLines } from './render.ts'
import type { SeriesTable } from './series-table.ts'

const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
/** Text is handed on in pieces of about so many characters, and other work gets its turn between two of them. */
const pieceSize = 64 << 10
/** Readers at the same time; each holds a piece of text and perhaps a compressor. */
const maxReaders = 16

export interface PageOptions {
  readonly openMetrics: boolean
  readonly timestamps: boolean
  readonly expireMs: number
}

/** Answers requests with what the table has. */
export function metricsPage(table: SeriesTable, options: PageOptions, clock: Clock) {
  let readers = 0
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return plain(response, 405, 'only GET is answered here\n')
    if (readers >= maxReaders) return plain(response, 503, `${maxReaders} readers at once are enough\n`)
    readers++
    try {
      await answer(request, response, table, options, clock)
    } finally {
      readers--
    }
  }
}

function plain(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text)
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  table: SeriesTable,
  options: PageOptions,
  clock: Clock,
): Promise<void> {
  const openMetrics = options.openMetrics && prefersOpenMetrics(request.headers.accept ?? '')
  const isPacked = /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(String(request.headers['accept-encoding'] ?? ''))
  response.writeHead(200, {
    'content-type': openMetrics ? OPEN_METRICS : TEXT_CONTENT_TYPE,
    vary: 'Accept, Accept-Encoding',
    ...(isPacked && { 'content-encoding': 'gzip' }),
  })
  if (request.method === 'HEAD') return void response.end()
  const render = { openMetrics, timestamps: options.timestamps }
  const pieces = piecesOf(table, render, clock.monotonic() - options.expireMs)
  const out: Transform = isPacked ? createGzip({ level: 1 }) : new PassThrough()
  out.pipe(response)
  const gone = new AbortController()
  response.on('close', () => gone.abort())
  try {
    for (const piece of pieces) {
      if (!out.write(piece)) await once(out, 'drain', { signal: gone.signal })
      else await new Promise(setImmediate)
      if (gone.signal.aborted) return
    }
    out.end()
    await once(out, 'end', { signal: gone.signal })
  } catch (error) {
    // A reader that left in the middle is nobody's fault.
    if (!gone.signal.aborted) throw error
  } finally {
    out.destroy()
  }
}

/** The page, piece by piece. The table may change meanwhile: what is gone is left out, a series is always whole. */
export function* piecesOf(table: SeriesTable, options: RenderOptions, since: number): Generator<string> {
  const families = [...table.families.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  let text = ''
  for (const family of families) {
    let isOpen = false
    for (const series of family.series.values()) {
      if (series.seen < since) continue
      if (!isOpen) text += familyHead(family, options)
      isOpen = true
      text += seriesLines(series, options)
      if (text.length < pieceSize) continue
      yield text
      text = ''
    }
  }
  yield options.openMetrics ? `${text}# EOF\n` : text
}

/** Whether the reader likes OpenMetrics at least as much as text. */
export function prefersOpenMetrics(accept: string): boolean {
  let open = 0
  let text = 0
  for (const range of accept.split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    const written = parameters.find((part) => part.startsWith('q='))?.slice(2)
    const quality = written === undefined ? 1 : Number(written) || 0
    const version = parameters.find((part) => part.startsWith('version='))?.slice(8) ?? '1.0.0'
    if (type === 'application/openmetrics-text' && (version === '1.0.0' || version === '0.0.1')) {
      open = Math.max(open, quality)
    } else if (type === 'text/plain') text = Math.max(text, quality)
  }
  return open > 0 && open >= text
}
