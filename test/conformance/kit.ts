import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished } from 'vitest'
import { findingsText, readConfiguration } from '../../src/cli/configuration.ts'
import { Catalogue } from '../../src/components.ts'
import { Budget } from '../../src/delivery/budget.ts'
import { type Account, Ledger } from '../../src/delivery/ledger.ts'
import { newHost } from '../../src/engine/host.ts'
import type { AnySpec, Format, Host } from '../../src/plugin.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { Metrics } from '../../src/runtime/metrics.ts'
import { newFolder } from '../support/folder.ts'

/** A component as the suites see it. */
export interface Subject {
  name: string
  folder: string
  spec: AnySpec
}

/** Every component of the catalogue, of one kind. */
export async function subjects(kind: AnySpec['kind']): Promise<Subject[]> {
  const all = await new Catalogue().all()
  return all.filter((spec) => spec.kind === kind).map((spec) => ({ name: spec.type, folder: folderOf(spec), spec }))
}

function folderOf({ kind, type }: AnySpec): string {
  const name = type.replaceAll('_', '-')
  const places = [`src/${kind}s/${name}`, `plugins/${name}`]
  const found = places.map((place) => fileURLToPath(new URL(`../../${place}/`, import.meta.url))).find(existsSync)
  if (!found) throw new Error(`no folder for ${kind} ${type}`)
  return found
}

/** A host with books of its own, and the shared things behind it. */
export function newTestHost(spec: AnySpec, memory = 64 << 20) {
  const ledger = new Ledger()
  const metrics = new Metrics()
  const budget = new Budget('service', memory)
  const shared = { log: silentLog, clock: systemClock, metrics, ledger, budget }
  const { kind, type } = spec
  const own: Account | undefined =
    kind === 'receiver'
      ? ledger.open('receiver', type)
      : kind === 'exporter' || kind === 'extension'
        ? undefined
        : ledger.open('processor', type)
  const extension = () => undefined
  const host: Host = newHost(shared, {
    kind,
    type,
    id: type,
    readsOrigins: false,
    extension,
    ...(own && { account: own }),
  })
  return { host, ledger, metrics, own }
}

/** Settings of a component that need nothing from outside: ports 0, no certificates, files in a folder of the test. */
export function settingsOf(spec: AnySpec): unknown {
  const loopback = '127.0.0.1:0'
  const known: Record<string, unknown> = {
    'receiver/loggregator': { endpoint: loopback },
    'receiver/dropsonde': { endpoint: loopback },
    'receiver/statsd': { endpoint: loopback },
    'receiver/filelog': { include: ['/nowhere/*.log'] },
    'receiver/hostmetrics': { scrapers: { load: {} } },
    'receiver/otlp': { protocols: { grpc: { endpoint: loopback }, http: { endpoint: loopback } } },
    'receiver/syslog': { tcp: { listen_address: loopback } },
    'receiver/prometheus': {
      config: { scrape_configs: [{ job_name: 'j', static_configs: [{ targets: ['127.0.0.1:9'] }] }] },
    },
    'processor/filter': { error_mode: 'ignore' },
    'processor/attributes': { actions: [{ key: 'added', value: 'x', action: 'upsert' }] },
    'processor/resource': { attributes: [{ key: 'added', value: 'x', action: 'upsert' }] },
    'processor/redaction': { allowed_keys: ['k'], summary: 'debug' },
    'processor/transform': {
      envelope_statements: ['set(attributes["added"], source_id)'],
      log_statements: [
        'set(log.attributes["added"], resource.attributes["service.name"])',
        'set(log.severity_number, 9)',
      ],
      metric_statements: ['set(metric.unit, "s")', 'set(datapoint.attributes["added"], metric.name)'],
      trace_statements: ['set(span.status.code, 1)', 'set(spanevent.name, "x")'],
    },
    'processor/tail_sampling': { policies: [{ name: 'all', type: 'always_sample' }] },
    'processor/probabilistic_sampler': { sampling_percentage: 50, fail_closed: false },
    'processor/memory_limiter': { check_interval: '1s', limit_mib: 512 },
    'exporter/debug': { verbosity: 'basic' },
    'exporter/file': { path: spec.type === 'file' ? `${newFolder()}/telemetry.json` : '' },
    'exporter/otlp': { endpoint: '127.0.0.1:9', tls: { insecure: true } },
    'exporter/otlphttp': { endpoint: 'http://127.0.0.1:9' },
    'exporter/loggregator': { endpoint: '127.0.0.1:9' },
    'exporter/firehose': { router_addr: '127.0.0.1:9' },
    'exporter/prometheus': { endpoint: loopback },
    'exporter/prometheusremotewrite': { endpoint: 'http://127.0.0.1:9/write' },
    'exporter/syslog': { endpoint: '127.0.0.1:9', tls: { insecure: true } },
    'connector/forward': { format: 'envelopes' },
    'connector/routing': { table: [{ condition: 'true', pipelines: ['envelopes/all'] }] },
    'extension/health_check': { endpoint: loopback },
    'extension/pprof': { endpoint: loopback },
    'extension/zpages': { endpoint: loopback },
    'extension/metrics_endpoint': { endpoint: loopback },
    'extension/syslog_binding_cache': { endpoint: loopback, api: { url: 'http://127.0.0.1:9' } },
    'extension/basicauth': { htpasswd: { inline: 'user:password' } },
    'extension/bearertokenauth': { token: 'token' },
    'extension/file_storage': {
      directory: spec.type === 'file_storage' ? `${newFolder()}/queues` : '',
      create_directory: true,
    },
    'extension/demo': { dir: spec.type === 'demo' ? `${newFolder()}/demo` : '' },
  }
  const parsed = [known[`${spec.kind}/${spec.type}`], {}]
    .map((raw) => spec.config.safeParse(raw ?? {}))
    .find((result) => result.success)
  if (!parsed) throw new Error(`the suite knows no settings for ${spec.kind} ${spec.type}: add them`)
  return parsed.data
}

export const formatsOf = (formats: unknown, config: unknown): readonly Format[] =>
  typeof formats === 'function' ? formats(config) : (formats as readonly Format[])

/** What every component must have in common, whatever its kind: its sample loads, unknown keys are named. */
export async function expectSampleLoads({ folder }: Subject): Promise<void> {
  const file = `${folder}sample.yaml`
  const found = readFileSync(file, 'utf8').matchAll(/\$\{env:(\w+)(?::\?)?\}/g)
  for (const [, variable] of found) {
    if (process.env[variable!] !== undefined) continue
    process.env[variable!] = '1'
    onTestFinished(() => void delete process.env[variable!])
  }
  const configuration = await readConfiguration([file], [])
  expect(findingsText({ ...configuration, warnings: [] })).toBe('')
}

export function expectUnknownKeyNamed({ spec }: Subject): void {
  const result = spec.config.safeParse({ no_such_option: 1 })
  expect(result.success).toBe(false)
  const texts = JSON.stringify(result.error?.issues)
  expect(texts).toContain('no_such_option')
}
