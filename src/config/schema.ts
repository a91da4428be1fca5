import type { z } from 'zod'
import { newField } from './field.ts'
import {
  anything,
  bool,
  duration,
  either,
  endpoint,
  int,
  list,
  map,
  object,
  oneOf,
  path,
  port,
  secret,
  size,
  text,
  tlsServer,
} from './fields.ts'
import { view } from './metric-views.ts'
import { quoted } from './quoted.ts'
import { Substituted } from './substituted.ts'
import { Fault } from './units.ts'

export type Kind = 'receiver' | 'processor' | 'exporter' | 'connector' | 'extension'

/** What the configuration must know of a component. */
export interface CatalogueEntry {
  kind: Kind
  type: string
  config: z.ZodType
  /** Other names of the same component. */
  aliases?: readonly string[]
  /** What it takes for itself, such as `tcp 127.0.0.1:3458`: two components may not want the same. */
  resources?(config: unknown): readonly string[]
  /** Connectors: pipelines that the settings name, and where. */
  pipelines?(config: unknown): readonly { readonly path: readonly PropertyKey[]; readonly id: string }[]
}

export interface Catalogue {
  find(kind: Kind, type: string): Promise<CatalogueEntry | undefined>
  types(kind: Kind): string[]
  /** What to say to somebody who looks for a type that is not there. */
  hint?(kind: Kind, type: string): string | undefined
}

export const kinds = ['receiver', 'processor', 'exporter', 'connector', 'extension'] as const satisfies Kind[]

/** The key of the tree under which the components of a kind stand. */
export const sectionOf = {
  receiver: 'receivers',
  processor: 'processors',
  exporter: 'exporters',
  connector: 'connectors',
  extension: 'extensions',
} as const satisfies Record<Kind, string>

export const rootKeys: readonly string[] = [...Object.values(sectionOf), 'service']

/** What a pipeline carries: `envelopes` is Loggregator v2 with all its kinds, `dropsonde` is v1. */
export const pipelineKinds = ['logs', 'metrics', 'traces', 'envelopes', 'dropsonde'] as const
export type PipelineKind = (typeof pipelineKinds)[number]

/** `otlp` or `otlp/second`. */
export interface ComponentId {
  type: string
  /** Empty when there is none. */
  name: string
}

/** Reads an id; spaces around its parts do not count. A text is what is wrong with it. */
export function parseId(id: string): ComponentId | string {
  const slash = id.indexOf('/')
  const type = (slash < 0 ? id : id.slice(0, slash)).trim()
  const name = slash < 0 ? '' : id.slice(slash + 1).trim()
  if (slash < 0 && type === '') return 'id must not be empty'
  if (type === '') return `in ${quoted(id)} id: the part before / should not be empty`
  if (slash >= 0 && name === '') return `in ${quoted(id)} id: the part after / should not be empty`
  if (!/^[a-zA-Z][0-9a-zA-Z_]{0,62}$/.test(type)) return `invalid character(s) in type ${quoted(type)}`
  if (name.length > 1024) return `name ${quoted(name)} is longer than 1024 characters (${name.length} characters)`
  return /[\s\p{C}\p{Z}\p{S}]/u.test(name) ? `invalid character(s) in name ${quoted(name)}` : { type, name }
}

/** The id as the rest of the program spells it. */
export function formatId({ type, name }: ComponentId): string {
  return name === '' ? type : `${type}/${name}`
}

const levels = ['debug', 'info', 'warn', 'error'] as const

/** A severity, in the Collector's capitals or not. */
function level() {
  const known = oneOf(levels)
  const read = (value: unknown) => {
    const given = value instanceof Substituted ? value.text : value
    const parsed = known.safeParse(typeof given === 'string' ? given.toLowerCase() : given)
    return parsed.success ? parsed.data : new Fault(parsed.error.issues[0]!.message)
  }
  const json = () => ({ type: 'string', enum: levels.flatMap((each) => [each, each.toUpperCase()]) })
  return newField<(typeof levels)[number]>({ label: `one of ${levels.join(', ')}`, json, read })
}

const telemetryLevels = ['none', 'basic', 'normal', 'detailed'] as const

/** How much of its own metrics is shown, in any case as the Collector reads it. */
function telemetryLevel() {
  const read = (value: unknown) => {
    const given = value instanceof Substituted ? value.text : value
    const found = telemetryLevels.find((level) => level === String(given).toLowerCase())
    return (
      found ?? new Fault(`unknown metrics level ${quoted(String(given))}`, `write one of ${telemetryLevels.join(', ')}`)
    )
  }
  const json = () => ({ type: 'string', enum: [...telemetryLevels] })
  return newField<(typeof telemetryLevels)[number]>({ label: `one of ${telemetryLevels.join(', ')}`, json, read })
}

const otlpTarget = () =>
  object({
    protocol: text().default('grpc').describe('grpc, or http/protobuf.'),
    endpoint: text().describe('Where to send: `http://host:4317`.'),
    headers: either(map(secret()), list(object({ name: text(), value: secret() })))
      .default({})
      .describe('Sent with every request.'),
    insecure: bool().default(false).describe('No TLS.'),
    compression: oneOf(['none', 'gzip']).default('none').describe('Of requests.'),
    certificate: path().optional().describe('PEM file of the authorities of the peer.'),
    temporality_preference: oneOf(['cumulative'])
      .default('cumulative')
      .describe('Counters are totals since the start.'),
    timeout: either(int({ min: 0 }), duration())
      .optional()
      .describe('Limit of one request.')
      .meta({ unit: 'ms' }),
  })

const reader = () =>
  object({
    pull: object({
      exporter: object({
        prometheus: object({
          host: text().default('localhost').describe('Address to listen on.'),
          port: port().default(8888).describe('Port to listen on.'),
          without_type_suffix: bool().default(true).describe('false: counters are named with `_total`.'),
          without_units: bool().default(true).describe('false: names end in their unit, `_seconds` or `_bytes`.'),
          without_scope_info: bool().default(true).describe('false: with the label `otel_scope_name`.'),
          with_resource_constant_labels: object({
            included: list().default(['*']).describe('Resource attributes that every series carries; `*`: all.'),
            excluded: list().default([]).describe('But not these.'),
          })
            .optional()
            .describe('Labels of every series.'),
        }).optional(),
      }),
    })
      .optional()
      .describe('A page to scrape, `/metrics`, with the families of the Collector and ours.'),
    periodic: object({
      interval: either(int({ min: 1 }), duration())
        .default(60_000)
        .describe('Time between two exports.')
        .meta({ unit: 'ms' }),
      exporter: object({ otlp: otlpTarget().optional(), console: anything().optional() }),
    })
      .optional()
      .describe('Send them.'),
  })

/** A list of what sends records, as the Collector writes it. `usualDelay` in milliseconds. */
const sendingProcessors = (usualDelay: number) => {
  const time = (usual: number) =>
    either(int({ min: 1 }), duration())
      .default(usual)
      .meta({ unit: 'ms' })
  const exporter = object({
    otlp: otlpTarget().optional().describe('Over OTLP.'),
    console: anything().optional().describe('To standard output, for trying.'),
  })
  return list(
    object({
      batch: object({
        schedule_delay: time(usualDelay).describe('Time between two exports.'),
        export_timeout: time(30_000).describe('Limit of one export.'),
        max_queue_size: int({ min: 1 }).default(2048).describe('What comes beyond is lost.'),
        max_export_batch_size: int({ min: 1 }).default(512).describe('Most of one export.'),
        exporter,
      })
        .optional()
        .describe('Several at once.'),
      simple: object({ exporter }).optional().describe('Each by itself, at once.'),
    }),
  )
}

/** `service.telemetry`: what tailrace says about itself. */
const telemetry = object({
  logs: object({
    level: level().default('info').describe('The least severity that is written.'),
    encoding: oneOf(['console', 'json']).default('console').describe('Lines for people or for programs.'),
    processors: sendingProcessors(1000).optional().describe("The Collector's list of OTLP log exports."),
    output_paths: list()
      .default(['stderr'])
      .describe('Where lines go: stderr, stdout, or files, which are appended to.'),
    error_output_paths: list().default([]).describe('Accepted for the sake of Collector files.'),
    development: bool().default(false).describe('Accepted for the sake of Collector files.'),
    initial_fields: map(anything()).default({}).describe('Fields of every line.'),
    sampling: anything()
      .optional()
      .describe('Accepted for the sake of Collector files; tailrace never logs per record.'),
    disable_caller: bool().default(false).describe('Accepted for the sake of Collector files.'),
    rfc3339: bool().default(false).describe('Stamp lines in UTC with nanoseconds instead of local time.'),
    starting: list().default([]).describe('Lines to print first, for tooling that looks for them.'),
    stopping: text().optional().describe('A line to print last.'),
    disable_stacktrace: bool().default(false).describe('Accepted for the sake of Collector files.'),
  }).default({}),
  metrics: object({
    level: telemetryLevel()
      .optional()
      .describe(
        'How much the page to scrape shows; none: there is no page. Written without readers it serves localhost:8888.',
      ),
    address: endpoint().optional().describe('Older spelling of a pull reader: a page to scrape.'),
    readers: list(reader()).optional().describe('Where the metrics go. Left out: nowhere, unless `level` is written.'),
    views: list(view())
      .optional()
      .describe("Which of the Collector's metrics are shown, under which names, with which attributes."),
  })
    .superRefine(({ level, readers, views }, report) => {
      const fault = (path: string, message: string) => report.addIssue({ code: 'custom', path: [path], message })
      if (level !== undefined && level !== 'none' && readers?.length === 0)
        fault('readers', 'collector telemetry metrics reader should exist when metric level is not none')
      const only = 'views can only be set when service::telemetry::metrics::level is detailed'
      if (views && level !== 'detailed') fault('views', `service::telemetry::metrics::${only}`)
    })
    .default({}),
  traces: object({
    level: oneOf(['none', 'basic', 'normal', 'detailed'])
      .default('basic')
      .describe('none: no traces. The others mean the same.'),
    propagators: list()
      .default([])
      .describe(
        'With `tracecontext` a `traceparent` that came with a request (`include_metadata`) is the parent of its trace.',
      ),
    processors: sendingProcessors(5000)
      .optional()
      .describe(
        'Where spans of sampled batches go: `batch` or `simple` around `otlp` or `console`. Left out: there are none.',
      ),
    sampler: anything()
      .optional()
      .describe(
        'Which batches are sampled: `always_on`, `always_off`, `trace_id_ratio_based`, or `parent_based` around them.',
      ),
    max_per_second: int({ min: 0 }).default(10).describe('Traces a second at most, whatever the sampler says.'),
    limits: anything().optional().describe('Accepted for the sake of Collector files.'),
  }).default({}),
  resource: map(anything()).default({}).describe('Attributes of what leaves by OTLP; null removes one.'),
})

/** `service.admin`: where `tailrace status`, `why`, `top`, `tap` and others ask the running agent. */
const admin = object({
  enabled: bool().default(true).describe('false: the running agent cannot be asked.'),
  socket: path()
    .optional()
    .describe(
      'Local socket, for this user alone. Left out: `tailrace/NAME.PID.sock` under XDG_RUNTIME_DIR, /run/tailrace for root.',
    ),
  endpoint: endpoint().optional().describe('Also a port; it needs `tls` with `client_ca_file`.'),
  tls: tlsServer().optional().describe('Of the port. Clients must have a certificate.'),
}).superRefine(({ endpoint, tls }, report) => {
  if (!endpoint || (tls?.client_ca_file && (tls.cert_file || tls.cert_pem) && (tls.key_file || tls.key_pem))) return
  const message = 'a port for administration needs `tls` with cert_file, key_file and client_ca_file'
  report.addIssue({ code: 'custom', path: ['tls'], message })
})

/** `service` but for its pipelines, which name components and are checked with them. */
export const serviceFields = object({
  extensions: list().default([]).describe('Ids of the extensions to run, in start order.'),
  telemetry: telemetry.default({}).describe('What tailrace says about itself.'),
  admin: admin.default({}).describe('Where the running agent can be asked how it is.'),
  plugins: list(path()).default([]).describe('Modules to load components from.'),
  memory_limit: size()
    .optional()
    .describe('What queues, connections, messages under way and tables of series may hold together.')
    .meta({ unit: 'bytes' }),
  shutdown_timeout: duration()
    .default('4s')
    .describe('How long to deliver what is queued when stopped; the rest is dropped and counted.')
    .meta({ unit: 'ms' }),
  empty_variables: oneOf(['empty', 'unset'])
    .default('empty')
    .describe('unset: a variable that is set but empty keeps the default. Counts for the file it stands in.'),
})

/** The settings of one pipeline. */
export const pipelineFields = object({
  receivers: list().default([]).describe('Ids of receivers, or of connectors that feed this pipeline.'),
  processors: list().default([]).describe('Ids of processors, in order.'),
  exporters: list().default([]).describe('Ids of exporters, or of connectors that this pipeline feeds.'),
})

export type ServiceSettings = z.output<typeof serviceFields>

/** One configured component. */
export interface ComponentConfig {
  kind: Kind
  id: ComponentId
  /** The id as one text: `otlp/second`. */
  key: string
  entry: CatalogueEntry
  /** What the component's schema made of its settings. */
  config: unknown
  /** Whether the process ends when it cannot start: the setting `required`, true unless written otherwise. */
  required: boolean
  /** Where it stands in the tree: `['receivers', 'otlp/second']`. */
  path: string[]
}

export interface PipelineConfig {
  kind: PipelineKind
  name: string
  /** `logs` or `logs/app`. */
  key: string
  /** Ids as one text each; receivers and exporters may be connectors. */
  receivers: string[]
  processors: string[]
  exporters: string[]
  path: string[]
}

/** A configuration without problems. */
export interface Config {
  receivers: ComponentConfig[]
  processors: ComponentConfig[]
  exporters: ComponentConfig[]
  connectors: ComponentConfig[]
  extensions: ComponentConfig[]
  pipelines: PipelineConfig[]
  /** `extensions` are ids in start order. */
  service: ServiceSettings
}
