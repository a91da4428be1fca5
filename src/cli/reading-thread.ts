/** The thread that reads a configuration for a process that runs: see read-in-thread.ts. Answers with one message. */

import { parentPort, workerData } from 'node:worker_threads'
import type { FeatureGate } from '../config/feature-gates.ts'
import { findingsText, readConfiguration } from './configuration.ts'
import { packPlan } from './packed-plan.ts'
import { pluginModules } from './plugins.ts'
import { packed } from './portable.ts'
import type { ReadMessage, ReadQuestion } from './read-in-thread.ts'

const { files, set, gates } = workerData as ReadQuestion
parentPort!.postMessage(await read())

async function read(): Promise<ReadMessage> {
  const configuration = await readConfiguration(files, set, { on: new Set(gates as FeatureGate[]) })
  const { plan, service, loaded } = configuration
  const base = { findings: findingsText(configuration), files: configuration.files }
  if (!plan || !service) return base
  const plugins = pluginModules(loaded, files).map(({ target }) => target)
  try {
    return { ...base, plan: packPlan(plan), service: packed(service), plugins }
  } catch (error) {
    return { ...base, plugins, unpackable: (error as Error).message }
  }
}
