import { Worker } from 'node:worker_threads'
import { Catalogue } from '../components.ts'
import type { GateChoice } from '../config/feature-gates.ts'
import type { ServiceSettings } from '../config/schema.ts'
import type { Plan } from '../engine/plan.ts'
import { readConfiguration } from './configuration.ts'
import { type PackedPlan, unpackPlan } from './packed-plan.ts'
import { addPlugin } from './plugins.ts'
import { unpacked } from './portable.ts'

/** What the thread is asked. */
export interface ReadQuestion {
  readonly files: readonly string[]
  readonly set: readonly string[]
  /** Names of the feature gates that are on. */
  readonly gates: readonly string[]
}

/** What it answers. Without a plan the configuration is wrong, or (`unpackable`) it is sound and cannot be carried. */
export interface ReadMessage {
  /** Problems and warnings, for people. */
  readonly findings: string
  readonly files: readonly string[]
  readonly plan?: PackedPlan
  readonly service?: unknown
  readonly plugins?: readonly string[]
  readonly unpackable?: string
}

/** A configuration that was read and checked while the process ran. */
export interface ReadPlan {
  readonly findings: string
  /** Paths of the files that were read. */
  readonly files: readonly string[]
  /** Absent: the findings say what is wrong. */
  readonly plan?: Plan
  readonly service?: ServiceSettings
}

/** How long a thread may take, in milliseconds: plugins run their own code in it. */
const limitMs = 60_000

/**
 * Reads, expands and checks a configuration in a thread of its own: parsing it here would stop the event loop. What this
 * thread does is to load components that are new to it. Rejects when the thread fails or takes too long.
 */
export async function readInThread(
  files: readonly string[],
  set: readonly string[],
  gates: Pick<GateChoice, 'on'> = { on: new Set() },
): Promise<ReadPlan> {
  const message = await ask({ files, set, gates: [...gates.on] })
  const { findings, plan, plugins = [], unpackable } = message
  const base = { findings, files: message.files }
  if (unpackable !== undefined) {
    // Settings of a plugin that are of a class of its own: they must be made in this thread.
    const { plan, service } = await readConfiguration(files, set, gates)
    return plan && service ? { ...base, plan, service } : base
  }
  if (!plan) return base
  const catalogue = new Catalogue()
  for (const target of plugins) await addPlugin(target, catalogue)
  return { ...base, plan: await unpackPlan(plan, catalogue), service: unpacked(message.service) as ServiceSettings }
}

function ask(question: ReadQuestion): Promise<ReadMessage> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(entry, { workerData: question, resourceLimits: { maxOldGenerationSizeMb: 128 } })
    thread.unref()
    const limit = setTimeout(() => {
      reject(new Error(`the configuration was not read within ${limitMs / 1000} s`))
      void thread.terminate()
    }, limitMs)
    const over = () => {
      clearTimeout(limit)
      void thread.terminate()
    }
    thread.once('message', (message: ReadMessage) => {
      over()
      resolve(message)
    })
    thread.once('error', (error: Error) => {
      over()
      reject(new Error(`the configuration could not be read: ${error.message}`, { cause: error }))
    })
    thread.once('exit', () => {
      clearTimeout(limit)
      reject(new Error('the thread that reads the configuration ended without an answer'))
    })
  })
}

/** Beside this file in the source tree; in the package this file is a part of a chunk. */
const entry = import.meta.url.endsWith('.ts')
  ? new URL('./reading-thread.ts', import.meta.url)
  : new URL('../src/cli/reading-thread.js', import.meta.url)
