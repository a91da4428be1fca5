import type { ComponentKind, ConnectorSpec, ExporterSpec, ProcessorSpec, ReceiverSpec } from '../plugin.ts'
import type { Format } from '../telemetry/format.ts'
import { findConverter } from './converters.ts'
import type { Instance, PipelinePlan, Plan } from './plan.ts'

/** Two neighbours of a pipeline that no converter brings together. */
export interface BadEdge {
  readonly pipeline: string
  readonly message: string
}

/** Checks every edge of the graph without creating a component. */
export function checkEdges(plan: Plan): BadEdge[] {
  return plan.pipelines.flatMap((pipeline) => [
    ...pipeline.receivers.flatMap((id) => into(plan, pipeline, id)),
    ...pipeline.processors.flatMap((id) => through(plan, pipeline, id)),
    ...pipeline.exporters.flatMap((id) => outOf(plan, pipeline, id)),
  ])
}

function into(plan: Plan, pipeline: PipelinePlan, id: string): BadEdge[] {
  const producer = find(plan, 'connector', id) ?? find(plan, 'receiver', id)
  if (!producer) return []
  if (producer.spec.kind === 'connector' && !plan.pipelines.some((from) => leadsTo(plan, id, from, pipeline)))
    return [unpaired(pipeline, id, 'receiver', 'exporter')]
  const makes = makesOf(producer)
  const fits = makes.includes(pipeline.format) || makes.some((from) => findConverter(from, [pipeline.format]))
  return fits ? [] : [bad(pipeline, `${producer.spec.kind} "${id}"`, makes, 'the pipeline', [pipeline.format])]
}

function through(plan: Plan, pipeline: PipelinePlan, id: string): BadEdge[] {
  const processor = find(plan, 'processor', id)
  const takes = (processor?.spec as ProcessorSpec | undefined)?.takes
  if (!takes || takes.includes(pipeline.format)) return []
  return [bad(pipeline, 'the pipeline', [pipeline.format], `processor "${id}"`, takes)]
}

function outOf(plan: Plan, pipeline: PipelinePlan, id: string): BadEdge[] {
  const taker = find(plan, 'exporter', id) ?? find(plan, 'connector', id)
  if (!taker) return []
  if (taker.spec.kind === 'connector' && !plan.pipelines.some((to) => leadsTo(plan, id, pipeline, to)))
    return [unpaired(pipeline, id, 'exporter', 'receiver')]
  const takes = takesOf(taker)
  const fits = takes.length === 0 || takes.includes(pipeline.format) || findConverter(pipeline.format, takes)
  return fits ? [] : [bad(pipeline, 'the pipeline', [pipeline.format], `${taker.spec.kind} "${id}"`, takes)]
}

/** Whether what one pipeline hands to a connector may reach the other. */
export function leadsTo(plan: Plan, connector: string, from: PipelinePlan, to: PipelinePlan): boolean {
  if (!from.exporters.includes(connector) || !to.receivers.includes(connector)) return false
  const instance = find(plan, 'connector', connector)
  if (!instance) return false
  const pairs = (instance.spec as ConnectorSpec).keepsFormat === true && makesOf(instance).length > 1
  return !pairs || from.format === to.format
}

function unpaired(pipeline: PipelinePlan, id: string, used: string, missing: string): BadEdge {
  const message = `connector "${id}" used as ${used} in [${pipeline.format}] pipeline but not used in any supported ${missing} pipeline`
  return { pipeline: pipeline.id, message }
}

function bad(
  pipeline: PipelinePlan,
  giver: string,
  gives: readonly Format[],
  taker: string,
  takes: readonly Format[],
): BadEdge {
  const message = `${giver} hands on ${gives.join(', ')}, ${taker} takes ${takes.join(', ')}: nothing converts the one into the other`
  return { pipeline: pipeline.id, message }
}

const find = (plan: Plan, kind: ComponentKind, id: string): Instance | undefined =>
  plan.instances.find((instance) => instance.spec.kind === kind && instance.id === id)

/** Formats a receiver or connector can make with its settings. */
export function makesOf({ spec, config }: Instance): readonly Format[] {
  return formatsOf((spec as ReceiverSpec | ConnectorSpec).makes, config)
}

/** Formats an exporter or connector takes with its settings. */
export function takesOf({ spec, config }: Instance): readonly Format[] {
  return formatsOf((spec as ExporterSpec | ConnectorSpec).takes, config)
}

const formatsOf = (formats: readonly Format[] | ((config: never) => readonly Format[]), config: unknown) =>
  typeof formats === 'function' ? formats(config as never) : formats
