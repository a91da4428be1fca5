import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import type { ServiceSettings } from '../config/schema.ts'
import { ledgerFamilies } from '../delivery/ledger-families.ts'
import { formatAddress } from '../net/address.ts'
import { newHttpServer } from '../net/http-server.ts'
import type { Log } from '../runtime/log.ts'
import { type Family, TEXT_CONTENT_TYPE, writeFamilies } from '../wire/prometheus/write.ts'
import { exposition, labelName } from './otelcol-exposition.ts'
import { otelcolFamilies } from './otelcol-families.ts'
import type { OtelcolSources } from './otelcol-sources.ts'
import type { Pull } from './pull-readers.ts'
import { version } from './version.ts'

/** The pages that `service.telemetry.metrics` asks for, one for each pull reader. */
export interface TelemetryPages {
  start(): Promise<void>
  stop(): Promise<void>
}

type Pair = readonly [string, string]

export function newTelemetryPages(
  pulls: readonly Pull[],
  sources: OtelcolSources,
  { telemetry }: ServiceSettings,
  log: Log,
): TelemetryPages {
  const resource = resourceLabels(telemetry.resource)
  const servers = pulls.map((pull) =>
    newHttpServer({
      endpoint: { host: pull.host, port: pull.port },
      routes: { '/metrics': (request, response) => answer(request, response, pageText(pull, sources, resource)) },
      log,
    }),
  )
  return {
    async start() {
      for (const server of servers) {
        const address = formatAddress(await server.start())
        log.info('Serving metrics', { address, metrics_level: sources.level })
      }
    },
    stop: async () => void (await Promise.all(servers.map((server) => server.stop(AbortSignal.abort())))),
  }
}

function answer(request: IncomingMessage, response: ServerResponse, text: string): void {
  const plain = Buffer.from(text)
  const gzip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
  const body = gzip ? gzipSync(plain, { level: 1 }) : plain
  const encoding = gzip && { 'content-encoding': 'gzip' }
  response.writeHead(200, { 'content-type': TEXT_CONTENT_TYPE, 'content-length': body.length, ...encoding })
  response.end(request.method === 'HEAD' ? undefined : body)
}

/** The `otelcol_` families and ours. */
export function pageText(pull: Pull, sources: OtelcolSources, resource: readonly Pair[]): string {
  const constant = resource
    .filter(([name]) => isConstant(pull, name))
    .map(([name, value]) => [labelName(name), value] as const)
  const theirs = exposition(otelcolFamilies(sources), pull, constant)
  const ours = [...sources.metrics.families(), ...ledgerFamilies(sources.ledger)].map(
    ({ name, help, type, series }): Family => {
      const samples = series.map(({ labels, value }) => ({ labels: Object.entries(labels), value }))
      return { name, help, type, samples }
    },
  )
  const labels = resource.map(([name, value]) => [labelName(name), value] as const)
  const target: Family = {
    name: 'target_info',
    help: 'Target metadata',
    type: 'gauge',
    samples: [{ labels, value: 1 }],
  }
  return writeFamilies([...theirs, ...ours, target])
}

const isConstant = ({ included, excluded }: Pull, name: string): boolean =>
  (included.includes('*') || included.includes(name)) && !excluded.includes('*') && !excluded.includes(name)

/** Attributes of the process; null removes one. The Collector's `attributes: [{name, value}]` reads the same. */
export function resourceLabels(settings: Readonly<Record<string, unknown>>): Pair[] {
  const { attributes: listed, schema_url: _, ...plain } = settings
  const given = Array.isArray(listed) ? Object.fromEntries(listed.map(({ name, value }) => [name, value])) : {}
  const all = {
    'service.name': 'tailrace',
    'service.version': version(),
    'service.instance.id': randomUUID(),
    ...given,
    ...plain,
  }
  return Object.entries(all)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => [name, typeof value === 'object' ? JSON.stringify(value) : String(value)])
}
