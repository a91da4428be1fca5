/**
 * A checked configuration becomes a graph that runs, and another graph without a gap. Knows kinds of components and
 * formats of batches; knows no component.
 */

import type { Flows } from './engine/flow-counts.ts'
import { type Reloaded, RunningGraph } from './engine/graph.ts'
import type { Shared } from './engine/host.ts'
import type { Plan } from './engine/plan.ts'
import type { ServiceStatus } from './plugin.ts'

export type { Flows } from './engine/flow-counts.ts'
export type { Reloaded } from './engine/graph.ts'
export { GraphError } from './engine/graph-error.ts'

export interface Graph {
  /** Starts everything in order; rejects with the first failure of a required component: stop it then. */
  start(): Promise<void>
  /** Receivers first, then what they feed. Records that are left when `deadline` aborts are dropped and counted. */
  stop(deadline: AbortSignal): Promise<void>
  /**
   * Makes another plan what runs: what is the same stays, with its sockets, queues and state; the rest changes in one turn
   * of the event loop. Rejects with the reason, and then everything is as it was.
   */
  reload(plan: Plan): Promise<Reloaded>
  /** Whether every required component says it can do its work. */
  ready(): boolean
  status(): ServiceStatus
  /** Records by receiver and format, and by exporter and format: what the books of a whole component do not tell apart. */
  flows(): Flows
}

/** Creates every component, from the exporters back to the receivers. Throws `GraphError` when the ends do not fit. */
export function buildGraph(plan: Plan, shared: Shared): Graph {
  return new RunningGraph(plan, shared)
}
