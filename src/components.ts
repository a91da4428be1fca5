import { elsewhere } from './components/elsewhere.ts'
import type { AnySpec, ComponentKind } from './plugin.ts'

type Load = () => Promise<{ default: AnySpec }>

/** Every component of the core, one line each. A component's code is loaded when a configuration names it. */
const core: Record<ComponentKind, Record<string, Load>> = {
  receiver: {
    dropsonde: () => import('./receivers/dropsonde/index.ts'),
    filelog: () => import('./receivers/filelog/index.ts'),
    hostmetrics: () => import('./receivers/hostmetrics/index.ts'),
    loggregator: () => import('./receivers/loggregator/index.ts'),
    otlp: () => import('./receivers/otlp/index.ts'),
    prometheus: () => import('./receivers/prometheus/index.ts'),
    sample_app: () => import('./receivers/sample-app/index.ts'),
    statsd: () => import('./receivers/statsd/index.ts'),
    syslog: () => import('./receivers/syslog/index.ts'),
  },
  processor: {
    attributes: () => import('./processors/attributes/index.ts'),
    batch: () => import('./processors/batch/index.ts'),
    counter_totals: () => import('./processors/counter-totals/index.ts'),
    cumulativetodelta: () => import('./processors/cumulativetodelta/index.ts'),
    envelope_tags: () => import('./processors/envelope-tags/index.ts'),
    filter: () => import('./processors/filter/index.ts'),
    memory_limiter: () => import('./processors/memory-limiter/index.ts'),
    probabilistic_sampler: () => import('./processors/probabilistic-sampler/index.ts'),
    redaction: () => import('./processors/redaction/index.ts'),
    resource: () => import('./processors/resource/index.ts'),
    tail_sampling: () => import('./processors/tail-sampling/index.ts'),
    transform: () => import('./processors/transform/index.ts'),
  },
  exporter: {
    debug: () => import('./exporters/debug/index.ts'),
    file: () => import('./exporters/file/index.ts'),
    firehose: () => import('../plugins/firehose/index.ts'),
    loggregator: () => import('./exporters/loggregator/index.ts'),
    nop: () => import('./exporters/nop/index.ts'),
    otlp: () => import('./exporters/otlp/index.ts'),
    prometheus: () => import('./exporters/prometheus/index.ts'),
    prometheusremotewrite: () => import('./exporters/prometheusremotewrite/index.ts'),
    otlphttp: () => import('./exporters/otlphttp/index.ts'),
    syslog: () => import('./exporters/syslog/index.ts'),
    syslog_drains: () => import('./exporters/syslog-drains/index.ts'),
  },
  connector: {
    count: () => import('./connectors/count/index.ts'),
    forward: () => import('./connectors/forward/index.ts'),
    routing: () => import('./connectors/routing/index.ts'),
  },
  extension: {
    basicauth: () => import('./extensions/basicauth/index.ts'),
    bearertokenauth: () => import('./extensions/bearertokenauth/index.ts'),
    demo: () => import('./extensions/demo/index.ts'),
    file_storage: () => import('./extensions/file-storage/index.ts'),
    health_check: () => import('./extensions/health-check/index.ts'),
    metrics_endpoint: () => import('./extensions/metrics-endpoint/index.ts'),
    pprof: () => import('./extensions/pprof/index.ts'),
    syslog_binding_cache: () => import('./extensions/syslog-binding-cache/index.ts'),
    zpages: () => import('./extensions/zpages/index.ts'),
  },
}

/** The `aliases` of core components: the Collector renamed these, or is about to; both names work. */
const aliases: Partial<Record<ComponentKind, Record<string, string>>> = {
  receiver: { file_log: 'filelog', host_metrics: 'hostmetrics' },
  processor: { cumulative_to_delta: 'cumulativetodelta' },
  exporter: { otlp_grpc: 'otlp', otlp_http: 'otlphttp', prometheus_remote_write: 'prometheusremotewrite' },
  connector: { route: 'routing' },
  extension: { basic_auth: 'basicauth', bearer_token_auth: 'bearertokenauth', healthcheckv2: 'health_check' },
}

/** The components a configuration can name: the core's and those of loaded plugins. */
export class Catalogue {
  private readonly added = new Map<string, AnySpec>()

  /** Makes a plugin's component known. Its name must be free. */
  add(spec: AnySpec): void {
    const key = `${spec.kind}/${spec.type}`
    if (this.added.has(key) || core[spec.kind][spec.type]) {
      throw new Error(`there already is a ${spec.kind} named "${spec.type}"`)
    }
    this.added.set(key, spec)
  }

  async find(kind: ComponentKind, type: string): Promise<AnySpec | undefined> {
    const name = aliases[kind]?.[type] ?? type
    const added = this.added.get(`${kind}/${name}`)
    if (added) return added
    const load = core[kind][name]
    return load && (await load()).default
  }

  /** What to use instead of a type that is not here. */
  hint(kind: ComponentKind, type: string): string | undefined {
    return elsewhere(kind, type)
  }

  /** Every component, by kind and type. Loads them all: for commands that list them. */
  async all(): Promise<AnySpec[]> {
    const names = componentKinds.flatMap((kind) => this.types(kind).map((type) => this.find(kind, type)))
    return (await Promise.all(names)).filter((spec) => spec !== undefined)
  }

  /** Types of a kind, sorted; aliases are left out. */
  types(kind: ComponentKind): string[] {
    const added = [...this.added.values()].filter((spec) => spec.kind === kind).map((spec) => spec.type)
    return [...Object.keys(core[kind]), ...added].sort()
  }
}

export const componentKinds = Object.keys(core) as ComponentKind[]
