import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { type Address, formatAddress } from '../net/address.ts'
import { newHttpServer } from '../net/http-server.ts'
import type { Log } from '../plugin.ts'

const index = `Profiles of this process, in the formats of Node.js (open them in the developer tools of a browser):
  profile?seconds=30   CPU profile (.cpuprofile)
  heap                 heap snapshot (.heapsnapshot), secrets and records in it; the process stands still meanwhile
  allocs?seconds=30    sampled allocations (.heapprofile)
  report               diagnostic report without environment and arguments (.json)
`

/** Profiles on a port of their own, which should be a loopback one, under the paths of the original. */
export function newProfiles(endpoint: Address, log: Log) {
  const server = newHttpServer({
    endpoint,
    routes: {
      '/debug/pprof/': (_request, response) => void response.setHeader('content-type', 'text/plain').end(index),
      '/debug/pprof/profile': profile,
      '/debug/pprof/heap': heap,
      '/debug/pprof/allocs': allocations,
      '/debug/pprof/report': report,
    },
    readTimeoutMs: 2000,
    log,
  })
  return {
    async start() {
      const address = await server.start()
      log.line(`Starting pprof server on: ${formatAddress(address)}`)
    },
    stop: (deadline: AbortSignal) => server.stop(deadline),
  }
}

async function withSession<T>(use: (session: import('node:inspector/promises').Session) => Promise<T>): Promise<T> {
  const { Session } = await import('node:inspector/promises')
  const session = new Session()
  session.connect()
  try {
    return await use(session)
  } finally {
    session.disconnect()
  }
}

/** `seconds` of the query: 1 to 300, 30 when absent. */
function seconds(request: IncomingMessage): number {
  const asked = Number(new URL(request.url ?? '/', 'http://localhost').searchParams.get('seconds') ?? 30)
  return Number.isFinite(asked) ? Math.min(300, Math.max(1, asked)) : 30
}

function download(response: ServerResponse, name: string, body: string): void {
  response.setHeader('content-disposition', `attachment; filename="${name}"`)
  response.setHeader('content-type', 'application/json').end(body)
}

async function profile(request: IncomingMessage, response: ServerResponse): Promise<void> {
  await withSession(async (session) => {
    await session.post('Profiler.enable')
    await session.post('Profiler.start')
    await wait(seconds(request) * 1000)
    download(response, 'tailrace.cpuprofile', JSON.stringify((await session.post('Profiler.stop')).profile))
  })
}

async function allocations(request: IncomingMessage, response: ServerResponse): Promise<void> {
  await withSession(async (session) => {
    await session.post('HeapProfiler.startSampling')
    await wait(seconds(request) * 1000)
    download(
      response,
      'tailrace.heapprofile',
      JSON.stringify((await session.post('HeapProfiler.stopSampling')).profile),
    )
  })
}

async function heap(_request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { getHeapSnapshot } = await import('node:v8')
  const { pipeline } = await import('node:stream/promises')
  response.setHeader('content-disposition', 'attachment; filename="tailrace.heapsnapshot"')
  await pipeline(getHeapSnapshot(), response)
}

function report(_request: IncomingMessage, response: ServerResponse): void {
  const diagnostics = process.report as NodeJS.ProcessReport & { excludeEnv?: boolean }
  // It would show every secret that came by a variable.
  diagnostics.excludeEnv = true
  const made = diagnostics.getReport() as { header: { commandLine: string[] } }
  // As do `--set` and `--config=yaml:`.
  made.header.commandLine.length = Math.min(1, made.header.commandLine.length)
  download(response, 'tailrace-report.json', JSON.stringify(made))
}
