/** The thread that reads a configuration for a process that runs: see read-in-thread.ts. Answers with one message. */

import { parentPort, workerData } from 'node:worker_threads'
import type { FeatureGate } from '../config/feature-gates.ts'
import type { ReadMessage, ReadQuestion } from './read-in-thread.ts'

// At the priority of telemetry: a lower one gave longer gaps when it was tried (docs/decisions/0018-reload-by-difference.md).
parentPort!.postMessage(await read(workerData as ReadQuestion))

async function read({ files, set, gates }: ReadQuestion): Promise<ReadMessage> {
  const { findingsText, readConfiguration } = await import('./configuration.ts')
  const configuration = await readConfiguration(files, set, { on: new Set(gates as FeatureGate[]) })
  const { plan, service, loaded } = configuration
  const base = { findings: findingsText(configuration), files: configuration.files }
  if (!plan || !service) return base
  const [{ packPlan }, { pluginModules }, { packed }] = await Promise.all([
    import('./packed-plan.ts'),
    import('./plugins.ts'),
    import('./portable.ts'),
  ])
  const plugins = pluginModules(loaded, files).map(({ target }) => target)
  try {
    return { ...base, plan: packPlan(plan), service: packed(service), plugins }
  } catch (error) {
    return { ...base, plugins, unpackable: (error as Error).message }
  }
}
