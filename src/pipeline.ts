/**
 * Builds the graph from a checked configuration and runs its life: create, start, stop. Knows kinds of components and
 * formats of batches; knows no component.
 */

import type { Admission } from './delivery/admission.ts'
import { keepsOriginsApart } from './delivery/fields.ts'
import type { AccountKind } from './delivery/ledger.ts'
import { batchingOf, type ExporterBatching } from './engine/batching.ts'
import { checkEdges, makesOf, takesOf } from './engine/check-edges.ts'
import { ConverterNode, type Taker } from './engine/converter-node.ts'
import { findConverter } from './engine/converters.ts'
import { newFaultLog, type OnFault } from './engine/faults.ts'
import { GuardedQueues, guardConverter, guardExporter } from './engine/guard.ts'
import { type HostOptions, newHost, type Shared } from './engine/host.ts'
import { ReceiverIntake } from './engine/intake.ts'
import { Lifecycle, serviceStatus } from './engine/lifecycle.ts'
import { fanOut, Port, ProcessorNode, withBooks } from './engine/nodes.ts'
import type { Instance, PipelinePlan, Plan } from './engine/plan.ts'
import type {
  ComponentKind,
  ConnectorSpec,
  Consumer,
  Exporter,
  ExporterSpec,
  ExtensionSpec,
  Host,
  ProcessorSpec,
  ReceiverSpec,
} from './plugin.ts'
import type { Batch } from './telemetry/batch.ts'
import { type Format, formats } from './telemetry/format.ts'

/** A configuration that no graph can be made of; the message names both ends. */
export class GraphError extends Error {}

export interface Graph {
  /** Starts everything in order; rejects with the first failure of a required component, after stopping the rest. */
  start(): Promise<void>
  /** Receivers first, then what they feed. Records that are left when `deadline` aborts are dropped and counted. */
  stop(deadline: AbortSignal): Promise<void>
  /** Whether every required component says it can do its work. */
  ready(): boolean
  /** Records by receiver and format, and by exporter and format: what the books of a whole component do not tell apart. */
  flows(): Flows
}

export interface Flows {
  readonly receivers: readonly { id: string; format: Format; taken: number; refused: number }[]
  readonly exporters: readonly { id: string; format: Format; received: number }[]
}

/** Creates every component, from the exporters back to the receivers. Throws `GraphError` when the ends do not fit. */
export function buildGraph(plan: Plan, shared: Shared): Graph {
  const [wrong] = checkEdges(plan)
  if (wrong) throw new GraphError(`pipeline "${wrong.pipeline}": ${wrong.message}`)
  return new GraphBuilder(plan, shared).build()
}

/** A place where batches leave a connector: for all pipelines behind it, or for those named. */
interface Outlet {
  readonly port: Port
  readonly pipelines: readonly string[] | undefined
}

class GraphBuilder {
  private readonly plan: Plan
  private readonly shared: Shared
  private readonly life: Lifecycle
  private readonly exporters = new Map<string, { made: Exporter; consumer: Consumer }>()
  private readonly connectors = new Map<string, { consumer: Port; outlets: readonly Outlet[] }>()
  private readonly intakes: { id: string; format: Format; intake: ReceiverIntake }[] = []
  private readonly came = new Map<string, Partial<Record<Format, number>>>()
  private readonly readsOrigins: boolean
  private readonly batching: (exporter: string) => ExporterBatching

  constructor(plan: Plan, shared: Shared) {
    this.plan = plan
    this.shared = shared
    this.life = new Lifecycle(shared.log, plan.shutdownTimeoutMs)
    this.readsOrigins = plan.instances.some(readsOrigins)
    this.batching = batchingOf(plan)
  }

  build(): Graph {
    for (const id of this.plan.extensions) this.addExtension(this.instance('extension', id) as Instance<ExtensionSpec>)
    const used = new Set(this.plan.pipelines.flatMap((pipeline) => pipeline.exporters))
    for (const id of used) this.addSink(id)
    const heads = new Map(this.plan.pipelines.map((pipeline) => [pipeline.id, this.pipelineHead(pipeline)]))
    for (const [id, { outlets }] of this.connectors)
      for (const { port, pipelines } of outlets) port.target = this.connectorTarget(id, heads, pipelines)
    const receivers = new Set(this.plan.pipelines.flatMap((pipeline) => pipeline.receivers))
    for (const id of receivers) if (!this.connectors.has(id)) this.addReceiver(id, heads)
    const { life } = this
    return {
      start: () => life.start(),
      stop: (deadline) => life.stop(deadline),
      ready: () => life.ready(),
      flows: () => ({
        receivers: this.intakes.map(({ id, format, intake: { taken, refused } }) => ({ id, format, taken, refused })),
        exporters: [...this.came.entries()].flatMap(([id, counts]) =>
          formats.flatMap((format) => (counts[format] === undefined ? [] : [{ id, format, received: counts[format] }])),
        ),
      }),
    }
  }

  private addExtension(instance: Instance<ExtensionSpec>): void {
    const host = this.host(instance)
    this.life.add(
      instance,
      created(instance, () => instance.spec.create({ config: instance.config, host })),
    )
  }

  private addSink(id: string): void {
    const exporter = this.find('exporter', id) as Instance<ExporterSpec> | undefined
    if (exporter) {
      const queues = new GuardedQueues()
      const host = this.host(exporter, { opened: queues.add, batching: this.batching(id) })
      const made = created(exporter, () => exporter.spec.create({ config: exporter.config, host }))
      const own = () => this.shared.ledger.open('queue', id)
      const counts: Partial<Record<Format, number>> = {}
      this.came.set(id, counts)
      const came = ({ format, count }: Batch) => {
        counts[format] = (counts[format] ?? 0) + count
      }
      const consumer = guardExporter(made, { queues, own, fault: this.faultLog(id), came })
      const port = this.entrance('queue', id, consumer)
      this.shared.taps?.watchable({ kind: 'exporter', id }, port)
      this.exporters.set(id, { made, consumer: port })
      this.life.add(exporter, made)
      return
    }
    const connector = this.instance('connector', id) as Instance<ConnectorSpec>
    const account = this.shared.ledger.open('processor', id)
    const host = this.host(connector, { account })
    const books = withBooks(account, this.faultLog(id))
    const outlets: Outlet[] = []
    const into = (pipelines?: readonly string[]) => {
      const port = new Port()
      this.shared.taps?.watchable({ kind: 'connector', id, ...(pipelines && { pipeline: pipelines.join(', ') }) }, port)
      outlets.push({ port, pipelines })
      return books.out(port)
    }
    const use = { config: connector.config, host, next: into(), into }
    const made = created(connector, () => connector.spec.create(use))
    this.life.add(connector, { start: async () => made.start?.(), stop: async (deadline) => made.stop?.(deadline) })
    this.connectors.set(id, { consumer: this.entrance('processor', id, books.around(made)), outlets })
  }

  /** The entry of a pipeline: its processors in a row, then everything its exporters need. */
  private pipelineHead(pipeline: PipelinePlan): Consumer {
    let next = this.pipelineTail(pipeline)
    for (const id of pipeline.processors.toReversed()) next = this.addProcessor(id, pipeline, next)
    return new Port(next)
  }

  private addProcessor(id: string, pipeline: PipelinePlan, next: Consumer): Consumer {
    const instance = this.instance('processor', id) as Instance<ProcessorSpec>
    const { format } = pipeline
    const account = this.shared.ledger.open('processor', id, { pipeline: pipeline.id })
    const out = new Port(next)
    const host = this.host(instance, { account, pipeline: pipeline.id, next: out })
    const made = created(instance, () => instance.spec.create({ config: instance.config, host, format }))
    const fault = this.faultLog(id)
    this.shared.taps?.watchable({ kind: 'processor', id, pipeline: pipeline.id }, out)
    const process = typeof made === 'function' ? made : made.process
    const node = new ProcessorNode(process, account, out, fault)
    if (typeof made !== 'function')
      this.life.add(instance, { start: async () => made.start?.(), stop: async (deadline) => made.stop?.(deadline) })
    return this.entrance('processor', id, node, pipeline.id)
  }

  /** What the last processor hands to: every exporter, those that need other formats behind one converter for each way. */
  private pipelineTail(pipeline: PipelinePlan): Consumer {
    const direct: Consumer[] = []
    const converted: Taker[] = []
    for (const id of pipeline.exporters) {
      const formats = this.sinkFormats(id)
      const consumer = this.connectors.get(id)?.consumer ?? this.exporters.get(id)!.consumer
      if (formats.includes(pipeline.format)) direct.push(consumer)
      else if (formats.length > 0)
        converted.push({ consumer, formats, takes: () => this.exporters.get(id)?.made.takes ?? formats })
    }
    const ways = Map.groupBy(converted, ({ formats }) => findConverter(pipeline.format, formats))
    const nodes = Array.from(ways.values(), (takers) => this.converter(pipeline.format, takers, pipeline.id))
    return fanOut([...direct, ...nodes])
  }

  private converter(from: Format, takers: readonly Taker[], pipeline: string): Consumer {
    const formats = new Set(takers.flatMap((taker) => taker.formats))
    const converter = findConverter(from, [...formats])!
    const name = `${from} to ${converter.to.join(', ')}`
    const account = this.shared.ledger.open('processor', name, { pipeline })
    const node = new ConverterNode(converter, account, takers, () => this.shared.clock.now())
    return this.entrance('processor', name, guardConverter(node, account, this.faultLog(name)), pipeline)
  }

  /** A port in front of what an account tells of, so that its work can be measured. */
  private entrance(kind: AccountKind, id: string, consumer: Consumer, pipeline?: string): Port {
    const port = new Port(consumer)
    this.shared.taps?.enters({ kind, id, pipeline }, port)
    return port
  }

  private sinkFormats(id: string): readonly Format[] {
    return takesOf(this.find('exporter', id) ?? this.instance('connector', id))
  }

  /** Where a connector's records go: the pipelines that name it as a receiver, or those of them that are named. */
  private connectorTarget(id: string, heads: Map<string, Consumer>, named?: readonly string[]): Consumer {
    const makes = makesOf(this.instance('connector', id))
    const all = this.plan.pipelines.filter((pipeline) => pipeline.receivers.includes(id))
    const missing = named?.find((name) => !all.some((pipeline) => pipeline.id === name))
    if (missing !== undefined) throw new GraphError(`connector "${id}": pipeline "${missing}" does not receive from it`)
    const fed = named ? all.filter((pipeline) => named.includes(pipeline.id)) : all
    return fanOut(
      fed.map((pipeline) => {
        if (makes.includes(pipeline.format)) return heads.get(pipeline.id)!
        return this.convertedInto(makes, pipeline, heads).consumer
      }),
    )
  }

  private addReceiver(id: string, heads: Map<string, Consumer>): void {
    const instance = this.instance('receiver', id) as Instance<ReceiverSpec>
    const { spec, config } = instance
    const makes = makesOf(instance)
    const fed = this.plan.pipelines.filter((pipeline) => pipeline.receivers.includes(id))
    const targets = new Map<Format, { consumers: Consumer[]; pipelines: PipelinePlan[] }>()
    for (const pipeline of fed) {
      const fits = makes.includes(pipeline.format)
      const { format, consumer } = fits
        ? { format: pipeline.format, consumer: heads.get(pipeline.id)! }
        : this.convertedInto(makes, pipeline, heads)
      const target = targets.get(format) ?? { consumers: [], pipelines: [] }
      targets.set(format, target)
      target.consumers.push(consumer)
      target.pipelines.push(pipeline)
    }
    const account = this.shared.ledger.open('receiver', id)
    const intakes: Partial<Record<Format, ReceiverIntake>> = {}
    for (const [format, { consumers, pipelines }] of targets) {
      const admissions = this.admissions(pipelines)
      const next = new Port(fanOut(consumers))
      this.shared.taps?.watchable({ kind: 'receiver', id, format }, next)
      intakes[format] = new ReceiverIntake({
        next,
        account,
        budget: this.shared.budget,
        admissions,
        pushesBack: spec.pushesBack,
        onShort: this.refusedByLimiters(pipelines, format),
      })
    }
    for (const format of targets.keys()) this.intakes.push({ id, format, intake: intakes[format]! })
    account.held = () => Object.values(intakes).reduce((sum, intake) => sum + intake.held, 0)
    const host = this.host(instance, { account })
    const component = created(instance, () => spec.create({ config, host, intakes }))
    this.life.add(instance, component)
    this.life.afterReceivers(() => Object.values(intakes).forEach((intake) => void intake.close()))
  }

  /** Counts for the memory limiters of these pipelines what receivers did not let in. */
  private refusedByLimiters(pipelines: readonly PipelinePlan[], format: Format): (records: number) => void {
    const counters = pipelines.flatMap(({ id: pipeline, processors }) =>
      processors
        .filter((id) => (this.instance('processor', id).spec as ProcessorSpec).memory)
        .map((id) => {
          const help = 'Records that receivers did not let in because memory was short.'
          const labels = { id, pipeline, format }
          return this.shared.metrics.counter('tailrace_memory_limiter_refused_records_total', help, labels)
        }),
    )
    return (records) => {
      for (const counter of counters) counter.add(records)
    }
  }

  /** A converter in front of a pipeline, for a producer that cannot make the pipeline's format. */
  private convertedInto(
    makes: readonly Format[],
    pipeline: PipelinePlan,
    heads: Map<string, Consumer>,
  ): { format: Format; consumer: Consumer } {
    const format = makes.find((from) => findConverter(from, [pipeline.format]))!
    const formats = [pipeline.format]
    const taker = { consumer: heads.get(pipeline.id)!, formats, takes: () => formats }
    return { format, consumer: this.converter(format, [taker], pipeline.id) }
  }

  /** The queues of every exporter behind these pipelines, through connectors too. */
  private admissions(pipelines: readonly PipelinePlan[]): () => readonly Admission[] {
    const found = new Map<Exporter, Format | undefined>()
    const seen = new Set<string>()
    const visit = (pipeline: PipelinePlan) => {
      if (seen.has(pipeline.id)) return
      seen.add(pipeline.id)
      for (const id of pipeline.exporters) {
        const exporter = this.exporters.get(id)
        if (exporter) {
          const format = this.arrivesAs(id, pipeline.format)
          // Reached in two formats: all of its queues, each of them once.
          const isOther = found.has(exporter.made) && found.get(exporter.made) !== format
          found.set(exporter.made, isOther ? undefined : format)
        } else this.plan.pipelines.filter((next) => next.receivers.includes(id)).forEach(visit)
      }
    }
    pipelines.forEach(visit)
    const [only, ...others] = [...found]
    if (only && others.length === 0) return () => only[0].admissions(only[1])
    return () => [...found].flatMap(([exporter, format]) => exporter.admissions(format))
  }

  /** The one format in which batches of a pipeline come to an exporter; undefined when a converter makes them. */
  private arrivesAs(exporter: string, format: Format): Format | undefined {
    return takesOf(this.instance('exporter', exporter)).includes(format) ? format : undefined
  }

  private host(
    instance: Instance,
    more: Pick<HostOptions, 'account' | 'pipeline' | 'next' | 'opened' | 'batching'> = {},
  ): Host {
    const { id, spec } = instance
    const extension = (wanted: string) => this.life.component('extension', wanted)
    return newHost(this.shared, {
      kind: spec.kind,
      type: spec.type,
      id,
      readsOrigins: this.readsOrigins,
      extension,
      status: () => serviceStatus(this.life, this.plan),
      ...more,
    })
  }

  private faultLog(id: string): OnFault {
    return newFaultLog(this.shared.clock, this.shared.log.named(id))
  }

  private find(kind: ComponentKind, id: string): Instance | undefined {
    return this.plan.instances.find((instance) => instance.spec.kind === kind && instance.id === id)
  }

  private instance(kind: ComponentKind, id: string): Instance {
    const found = this.find(kind, id)
    if (!found) throw new GraphError(`${kind} "${id}" is not configured`)
    return found
  }
}

function readsOrigins({ spec, config }: Instance): boolean {
  if (spec.kind === 'exporter' && keepsOriginsApart(config)) return true
  if (!('readsOrigins' in spec)) return false
  return typeof spec.readsOrigins === 'function' ? spec.readsOrigins(config as never) : spec.readsOrigins === true
}

/** What `create` makes; a failure names the component. */
function created<T>({ id, spec }: Instance, create: () => T): T {
  try {
    return create()
  } catch (error) {
    const { message } = error as Error
    // In the Collector's words, which people search for.
    const what = spec.kind === 'extension' ? 'failed to create' : 'failed to build pipelines: failed to create'
    throw new Error(`${what} "${id}" ${spec.kind}: ${message}`, { cause: error })
  }
}
