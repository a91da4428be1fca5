import type { Admission } from '../delivery/admission.ts'
import type { Consumer, Exporter, ProcessorSpec } from '../plugin.ts'
import type { Format } from '../telemetry/format.ts'
import { leadsTo, makesOf, takesOf } from './check-edges.ts'
import { ConverterNode, type Taker } from './converter-node.ts'
import { findConverter } from './converters.ts'
import { newFaultLog } from './faults.ts'
import { GraphError } from './graph-error.ts'
import { guardConverter } from './guard.ts'
import type { Shared } from './host.ts'
import type { ReceiverIntake } from './intake.ts'
import { fanOut, Port } from './nodes.ts'
import type { Outlet, Part, Plug, Source } from './parts.ts'
import type { PipelinePlan, Plan } from './plan.ts'
import { formatFor } from './wanted.ts'

/** What stands in front of an exporter: whoever hands to it goes on doing so when another takes its place. */
export interface SinkPort {
  readonly port: Port
  exporter: Exporter
}

/** Ports that outlive the parts behind them, by the id of an exporter or a pipeline. */
export interface Ports {
  readonly sinks: Map<string, SinkPort>
  readonly heads: Map<string, Port>
}

type PlugOf<K extends Plug['kind']> = Extract<Plug, { kind: K }>

/** A plan to be wired: its parts by key. */
export interface Wiring {
  readonly plan: Plan
  readonly shared: Shared
  readonly parts: ReadonlyMap<string, Part>
  readonly ports: Ports
}

/**
 * Points every port to where it leads in this plan. Throws before it has touched anything, or not at all: what it points
 * is worked out first.
 */
export function wire(wiring: Wiring): void {
  const { plan, parts, ports } = wiring
  const points: (() => void)[] = []
  const later = (port: Port, target: Consumer) => void points.push(() => (port.target = target))
  for (const [id, plug] of plugsOf(parts, 'exporter')) {
    const sink = ports.sinks.get(id) ?? { port: new Port(), exporter: plug.made }
    ports.sinks.set(id, sink)
    later(sink.port, plug.consumer)
    points.push(() => (sink.exporter = plug.made))
  }
  for (const { id } of plan.pipelines) if (!ports.heads.has(id)) ports.heads.set(id, new Port())
  for (const pipeline of plan.pipelines) {
    let next = tailOf(wiring, pipeline)
    for (const id of pipeline.processors.toReversed()) {
      const { entrance, out } = plugOf(parts, 'processor', `${id} ${pipeline.id}`)
      later(out, next)
      next = entrance
    }
    later(ports.heads.get(pipeline.id)!, next)
  }
  for (const [id, { outlets }] of plugsOf(parts, 'connector'))
    for (const outlet of outlets) later(outlet.port, behindConnector(wiring, id, outlet))
  for (const [id, { sources }] of plugsOf(parts, 'receiver')) {
    for (const [format, source] of sources) {
      const fed = fedBy(wiring, id, format)
      later(source.port, fanOut(fed.map((pipeline) => into(wiring, format, pipeline))))
      points.push(() => reroute(wiring, source, fed, format))
    }
  }
  for (const point of points) point()
  showPlaces(wiring)
}

function* plugsOf<K extends Plug['kind']>(parts: Wiring['parts'], kind: K): Iterable<[string, PlugOf<K>]> {
  for (const { plug, wanted } of parts.values()) if (plug.kind === kind) yield [wanted.id, plug as PlugOf<K>]
}

function plugOf<K extends Plug['kind']>(parts: Wiring['parts'], kind: K, rest: string): PlugOf<K> {
  return parts.get(`${kind} ${rest}`)!.plug as PlugOf<K>
}

/** What the last processor hands to: every exporter, those that need other formats behind one converter for each way. */
function tailOf(wiring: Wiring, pipeline: PipelinePlan): Consumer {
  const { parts, ports } = wiring
  const direct: Consumer[] = []
  const converted: Taker[] = []
  for (const id of pipeline.exporters) {
    const sink = ports.sinks.get(id)
    const isExporter = parts.has(`exporter ${id}`)
    const { instance } = parts.get(isExporter ? `exporter ${id}` : `connector ${id}`)!.wanted
    const formats = takesOf(instance)
    const consumer = isExporter ? sink!.port : plugOf(parts, 'connector', id).entrance
    if (formats.includes(pipeline.format)) direct.push(consumer)
    else if (formats.length > 0)
      converted.push({ consumer, formats, takes: () => (isExporter ? sink!.exporter.takes : undefined) ?? formats })
  }
  const ways = Map.groupBy(converted, ({ formats }) => findConverter(pipeline.format, formats))
  const nodes = Array.from(ways.values(), (takers) => converterFor(wiring, pipeline.format, takers, pipeline.id))
  return fanOut([...direct, ...nodes])
}

function converterFor({ shared }: Wiring, from: Format, takers: readonly Taker[], pipeline: string): Consumer {
  const { clock, ledger, log, taps } = shared
  const formats = new Set(takers.flatMap((taker) => taker.formats))
  const converter = findConverter(from, [...formats])!
  const name = `${from} to ${converter.to.join(', ')}`
  const account = ledger.open('processor', name, { pipeline })
  const node = new ConverterNode(converter, account, takers, () => clock.now())
  const port = new Port(guardConverter(node, account, newFaultLog(clock, log.named(name))))
  taps?.enters({ kind: 'processor', id: name, pipeline }, port)
  return port
}

/** The pipelines that take from a connector, or those of them that are named. */
function behindConnector(wiring: Wiring, id: string, { pipelines: named }: Outlet): Consumer {
  const { plan, parts } = wiring
  const makes = makesOf(parts.get(`connector ${id}`)!.wanted.instance)
  const all = plan.pipelines.filter((pipeline) => pipeline.receivers.includes(id))
  const missing = named?.find((name) => !all.some((pipeline) => pipeline.id === name))
  if (missing !== undefined) throw new GraphError(`connector "${id}": pipeline "${missing}" does not receive from it`)
  const fed = named ? all.filter((pipeline) => named.includes(pipeline.id)) : all
  const ways = Map.groupBy(fed, (pipeline) => formatFor(makes, pipeline))
  return eachItsWay(
    new Map(Array.from(ways, ([format, to]) => [format, fanOut(to.map((each) => into(wiring, format, each)))])),
  )
}

/** Hands each batch to the pipelines of its format. */
function eachItsWay(ways: ReadonlyMap<Format, Consumer>): Consumer {
  const [only, ...others] = ways.values()
  if (only && others.length === 0) return only
  return { consume: (batch) => ways.get(batch.format)!.consume(batch) }
}

/** The pipelines that get from a receiver what it makes in one format. */
function fedBy({ plan, parts }: Wiring, id: string, format: Format): PipelinePlan[] {
  const makes = makesOf(parts.get(`receiver ${id}`)!.wanted.instance)
  return plan.pipelines.filter((pipeline) => pipeline.receivers.includes(id) && formatFor(makes, pipeline) === format)
}

/** The head of a pipeline, behind a converter for a producer that cannot make the pipeline's format. */
function into(wiring: Wiring, format: Format, pipeline: PipelinePlan): Consumer {
  const head = wiring.ports.heads.get(pipeline.id)!
  if (format === pipeline.format) return head
  const formats = [pipeline.format]
  return converterFor(wiring, format, [{ consumer: head, formats, takes: () => formats }], pipeline.id)
}

function reroute(wiring: Wiring, source: Source, pipelines: readonly PipelinePlan[], format: Format): void {
  source.options.admissions = admissionsOf(wiring, pipelines)
  source.options.onShort = refusedByLimiters(wiring, pipelines, format)
}

/** The queues of every exporter behind these pipelines, through connectors too. */
function admissionsOf({ plan, parts, ports }: Wiring, pipelines: readonly PipelinePlan[]): () => readonly Admission[] {
  const found = new Map<SinkPort, Format | undefined>()
  const seen = new Set<string>()
  const visit = (pipeline: PipelinePlan) => {
    if (seen.has(pipeline.id)) return
    seen.add(pipeline.id)
    for (const id of pipeline.exporters) {
      const part = parts.get(`exporter ${id}`)
      if (!part) plan.pipelines.filter((next) => leadsTo(plan, id, pipeline, next)).forEach(visit)
      else {
        const sink = ports.sinks.get(id)!
        // The one format in which batches come; undefined when a converter makes them.
        const format = takesOf(part.wanted.instance).includes(pipeline.format) ? pipeline.format : undefined
        // Reached in two formats: all of its queues, each of them once.
        const isOther = found.has(sink) && found.get(sink) !== format
        found.set(sink, isOther ? undefined : format)
      }
    }
  }
  pipelines.forEach(visit)
  const [only, ...others] = [...found]
  if (only && others.length === 0) return () => only[0].exporter.admissions(only[1])
  return () => [...found].flatMap(([{ exporter }, format]) => exporter.admissions(format))
}

/** Counts for the memory limiters of these pipelines what receivers did not let in. */
function refusedByLimiters(
  { parts, shared }: Wiring,
  pipelines: readonly PipelinePlan[],
  format: Format,
): (records: number) => void {
  const counters = pipelines.flatMap(({ id: pipeline, processors }) =>
    processors
      .filter((id) => (parts.get(`processor ${id} ${pipeline}`)!.wanted.instance.spec as ProcessorSpec).memory)
      .map((id) => {
        const help = 'Records that receivers did not let in because memory was short.'
        const labels = { id, pipeline, format }
        return shared.metrics.counter('tailrace_memory_limiter_refused_records_total', help, labels)
      }),
  )
  return (records) => {
    for (const counter of counters) counter.add(records)
  }
}

/** Names the ports as places that can be watched and measured. */
function showPlaces({ parts, ports, shared: { taps } }: Wiring): void {
  if (!taps) return
  for (const { plug, wanted } of parts.values()) {
    const { id, pipeline } = wanted
    if (plug.kind === 'exporter') {
      const { port } = ports.sinks.get(id)!
      taps.enters({ kind: 'queue', id }, port)
      taps.watchable({ kind: 'exporter', id }, port)
    } else if (plug.kind === 'processor') {
      taps.enters({ kind: 'processor', id, pipeline }, plug.entrance)
      taps.watchable({ kind: 'processor', id, pipeline: pipeline! }, plug.out)
    } else if (plug.kind === 'connector') {
      taps.enters({ kind: 'processor', id }, plug.entrance)
      for (const { port, pipelines } of plug.outlets)
        taps.watchable({ kind: 'connector', id, ...(pipelines && { pipeline: pipelines.join(', ') }) }, port)
    } else if (plug.kind === 'receiver') {
      for (const [format, { port }] of plug.sources) taps.watchable({ kind: 'receiver', id, format }, port)
    }
  }
}

/** The ports of a part. */
export function portsOf({ plug }: Part): Port[] {
  if (plug.kind === 'processor') return [plug.entrance, plug.out]
  if (plug.kind === 'connector') return [plug.entrance, ...plug.outlets.map(({ port }) => port)]
  return plug.kind === 'receiver' ? [...plug.sources.values()].map(({ port }) => port) : []
}

/** The intakes of a receiver. */
export const intakesOf = ({ plug }: Part): ReceiverIntake[] =>
  plug.kind === 'receiver' ? [...plug.sources.values()].map(({ intake }) => intake) : []

/** What a part that leaves still brings goes where its successor's does; without one the way it went before. */
export function leadOn({ plug }: Part, successor: Part | undefined): void {
  const next = successor?.plug
  if (plug.kind === 'processor' && next?.kind === 'processor') plug.out.target = next.out
  if (plug.kind === 'connector' && next?.kind === 'connector') {
    for (const { port, pipelines } of plug.outlets) {
      const same = next.outlets.find((outlet) => String(outlet.pipelines) === String(pipelines))
      if (same) port.target = same.port
    }
  }
}
