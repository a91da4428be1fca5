import { keepsOnDisk, keepsOriginsApart } from '../delivery/fields.ts'
import type { ComponentKind } from '../plugin.ts'
import { type Format, formats } from '../telemetry/format.ts'
import { batchingOf } from './batching.ts'
import { makesOf, takesOf } from './check-edges.ts'
import { findConverter } from './converters.ts'
import { GraphError } from './graph-error.ts'
import type { Instance, PipelinePlan, Plan } from './plan.ts'

/** One thing to be made: a component, or its instance in one pipeline. */
export interface Wanted {
  /** `exporter otlp`, `processor batch logs/app`: state and books belong to it. */
  readonly key: string
  readonly kind: ComponentKind
  readonly id: string
  /** Of a processor. */
  readonly pipeline?: string
  readonly instance: Instance
  /** What it is told of its neighbours when it is made, as a text to compare: with another one it must be made anew. */
  readonly around: string
  /** Of an exporter: in which formats records come to it. */
  readonly formats?: readonly Format[]
  /** Whether some component of the configuration reads where records came from. */
  readonly readsOrigins: boolean
}

/** Everything that a plan uses, in the order in which it is made: from the exporters back to the receivers. */
export function wantedParts(plan: Plan): Wanted[] {
  const find = (kind: ComponentKind, id: string) =>
    plan.instances.find((instance) => instance.spec.kind === kind && instance.id === id)
  const readsOrigins = plan.instances.some(doesReadOrigins)
  const part = (kind: ComponentKind, id: string, around: unknown = '', pipeline?: string): Wanted => {
    const instance = find(kind, id)
    if (!instance) throw new GraphError(`${kind} "${id}" is not configured`)
    const key = pipeline === undefined ? `${kind} ${id}` : `${kind} ${id} ${pipeline}`
    const text = JSON.stringify(around)
    return { key, kind, id, instance, around: text, readsOrigins, ...(pipeline !== undefined && { pipeline }) }
  }
  const { pipelines } = plan
  const batching = batchingOf(plan)
  const sinks = [...new Set(pipelines.flatMap(({ exporters }) => exporters))].map((id) => {
    const exporter = find('exporter', id)
    if (!exporter) return part('connector', id)
    const batchings = [undefined, ...formats].map((format) => batching(id)(format) ?? null)
    const come = formatsTo(plan, exporter)
    return { ...part('exporter', id, [batchings, keepsOnDisk(exporter.config) && come]), formats: come }
  })
  const processors = pipelines.flatMap(({ id: pipeline, format, processors }) =>
    processors.toReversed().map((id) => part('processor', id, format, pipeline)),
  )
  const sources = new Set(pipelines.flatMap(({ receivers }) => receivers))
  const receivers = [...sources].flatMap((id) => {
    if (find('connector', id)) return []
    const receiver = find('receiver', id)
    return [part('receiver', id, receiver && formatsAsked(plan, receiver))]
  })
  return [...plan.extensions.map((id) => part('extension', id)), ...sinks, ...processors, ...receivers]
}

/** The formats that pipelines want of a receiver, converters included. */
function formatsAsked(plan: Plan, receiver: Instance): string[] {
  const fed = plan.pipelines.filter(({ receivers }) => receivers.includes(receiver.id))
  return [...new Set(fed.map((pipeline) => formatFor(makesOf(receiver), pipeline)))].sort()
}

/** In which formats records come to an exporter, converters included. */
function formatsTo({ pipelines }: Plan, exporter: Instance): readonly Format[] {
  const takes = takesOf(exporter)
  const come = pipelines
    .filter(({ exporters }) => exporters.includes(exporter.id))
    .flatMap(({ format }) => (takes.includes(format) ? format : (findConverter(format, takes)?.to ?? format)))
  return formats.filter((format) => come.includes(format))
}

/** In which format a producer that makes `makes` delivers to a pipeline: its own, or the first that can be converted. */
export function formatFor<F extends PipelinePlan['format']>(makes: readonly F[], { format }: PipelinePlan): F {
  return makes.find((own) => own === format) ?? makes.find((own) => findConverter(own, [format]))!
}

function doesReadOrigins({ spec, config }: Instance): boolean {
  if (spec.kind === 'exporter' && keepsOriginsApart(config)) return true
  if (!('readsOrigins' in spec)) return false
  return typeof spec.readsOrigins === 'function' ? spec.readsOrigins(config as never) : spec.readsOrigins === true
}
