import { type Batching, strictest } from '../delivery/settings.ts'
import type { ProcessorSpec } from '../plugin.ts'
import type { Format } from '../telemetry/format.ts'
import { leadsTo } from './check-edges.ts'
import type { PipelinePlan, Plan } from './plan.ts'

/** What `batch` processors ask of the queues of one exporter: of one format, or of all when it tells them not apart. */
export type ExporterBatching = (format?: Format) => Batching | undefined

/**
 * What every exporter is asked by the processors that lead to it, through connectors too. The last one before it counts;
 * where several pipelines lead to one queue it gets the strictest of what they ask.
 */
export function batchingOf(plan: Plan): (exporter: string) => ExporterBatching {
  const asked = new Map<string, { format: Format; batching: Batching | undefined }[]>()
  const visit = (pipeline: PipelinePlan, before: Batching | undefined, trail: readonly string[]) => {
    if (trail.includes(pipeline.id)) return
    const batching = ownBatching(plan, pipeline) ?? before
    for (const id of pipeline.exporters) {
      const fed = plan.pipelines.filter((next) => leadsTo(plan, id, pipeline, next))
      for (const next of fed) visit(next, batching, [...trail, pipeline.id])
      if (fed.length > 0) continue
      const list = asked.get(id) ?? []
      asked.set(id, list)
      list.push({ format: pipeline.format, batching })
    }
  }
  for (const pipeline of plan.pipelines) visit(pipeline, undefined, [])
  return (exporter) => (format) => {
    const all = asked.get(exporter) ?? []
    const own = all.filter((each) => each.format === format)
    // A converter stands before it: what arrives is of another format than the pipeline's.
    const asks = (own.length > 0 ? own : all).map(({ batching }) => batching)
    return strictest(asks.filter((each) => each !== undefined))
  }
}

/** What the last processor of a pipeline asks that asks for batches. */
function ownBatching(plan: Plan, pipeline: PipelinePlan): Batching | undefined {
  for (const id of pipeline.processors.toReversed()) {
    const found = plan.instances.find((instance) => instance.spec.kind === 'processor' && instance.id === id)
    const asks = (found?.spec as ProcessorSpec | undefined)?.batching?.(found?.config as never)
    if (asks) return asks
  }
  return undefined
}
