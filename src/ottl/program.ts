import type { Batch } from '../telemetry/batch.ts'
import type { Format } from '../telemetry/format.ts'
import { Level } from '../telemetry/level.ts'
import { MetricSite } from '../telemetry/metric-site.ts'
import { type Pass, Walk } from '../telemetry/pass.ts'
import type { PathContext } from '../telemetry/paths.ts'
import { Site } from '../telemetry/site.ts'
import type { Cache } from './cache.ts'
import type { Condition } from './expression.ts'
import { runMetricStep, runStep } from './run-step.ts'
import type { Statement } from './statements.ts'
import { writesAround } from './statements.ts'

export type ErrorMode = 'propagate' | 'ignore' | 'silent'

/** Statements of one context, run one after the other where any of the conditions holds. */
export interface Step {
  readonly context: PathContext | undefined
  readonly errorMode: ErrorMode
  readonly conditions: readonly Condition[]
  readonly statements: readonly Pick<Statement, 'source' | 'where' | 'run' | 'writes'>[]
  /** Bits of the messages that conditions and statements look at. */
  readonly reads: number
  readonly looksAside?: boolean
  /** Whether some of them change metrics as a whole. */
  readonly rewrites?: boolean
  /** What they share while they run on one record, if they do. */
  readonly cache?: Pick<Cache, 'clear'> | undefined
}

/** Hears of every statement that failed on a record. */
export type OnFailure = (mode: ErrorMode, statement: string, message: string) => void

/** What a program did to a batch. */
export interface Result {
  readonly batch: Batch
  /** Records that were given up because a statement failed on them; they are no longer in the batch. */
  readonly failed: number
}

const noGroup = -1
const depths: Readonly<Record<PathContext, number>> = {
  resource: 0,
  scope: 1,
  metric: 2,
  datapoint: 3,
  log: 3,
  span: 3,
  spanevent: 4,
}
const depthOf = ({ context }: Step) => (context === undefined ? 3 : depths[context])

/** Steps as passes over batches. */
export interface Program {
  readonly passes: readonly Pass[]
  /** Whether there may be other records afterwards: then only `run` will do. */
  readonly rewrites: boolean
  run(batch: Batch): Result
}

/**
 * Steps that follow each other from the resource inwards share one pass over the batch; one that writes to what is around
 * its records has a pass of its own, because the steps behind it must see what all records wrote.
 */
export function compileProgram(steps: readonly Step[], format: Format, onFailure: OnFailure): Program {
  const groups: Step[][] = []
  let last: Step[] = []
  for (const step of steps) {
    const previous = last.at(-1)
    const fits = previous && depthOf(previous) <= depthOf(step) && !aloneIn(step) && !last.some(aloneIn)
    if (fits) last.push(step)
    else {
      last = [step]
      groups.push(last)
    }
  }
  const passes = groups.map((group) => newPass(group, format, onFailure))
  const walks = passes.map(
    (pass, i) => new Walk([pass], groups[i]!.some(({ rewrites }) => rewrites) ? new MetricSite() : new Site()),
  )
  const run = (batch: Batch): Result => {
    let left = batch
    let failed = 0
    for (const walk of walks) {
      left = walk.run(left)
      failed += walk.dropped[0]!
    }
    return { batch: left, failed }
  }
  return { passes, rewrites: steps.some(({ rewrites }) => rewrites), run }
}

const aloneIn = ({ statements, context, rewrites }: Step) =>
  rewrites || statements.some(({ writes }) => writesAround(writes, context))

/** By context: what its steps look at once in every message of it, and so never again. */
const onceIn: readonly number[] = [
  1 << Level.resource,
  1 << Level.scope,
  (1 << Level.metric) | (1 << Level.data),
  (1 << Level.record) | (1 << Level.event),
  (1 << Level.record) | (1 << Level.event),
]

function newPass(steps: readonly Step[], format: Format, onFailure: OnFailure): Pass {
  const byDepth = [0, 1, 2, 3, 4].map((depth) => steps.filter((step) => depthOf(step) === depth))
  const [outer, inner, events] = [byDepth.slice(0, 3), byDepth[3]!, byDepth[4]!]
  const usesGroups = format !== 'envelopes' && format !== 'dropsonde' && outer.some((list) => list.length > 0)
  const groupLevels = [Level.resource, Level.scope, Level.metric] as const
  const current = [noGroup, noGroup, noGroup]
  const groupFails = [false, false, false]

  const runAll = (list: readonly Step[], site: Site): boolean => {
    for (let i = 0; i < list.length; i++) {
      const step = list[i]!
      const fine = step.rewrites ? runMetricStep(step, site as MetricSite, onFailure) : runStep(step, site, onFailure)
      if (!fine) return false
    }
    return true
  }
  const runAround = (site: Site): boolean => {
    let fine = true
    for (let depth = 0; depth < 3; depth++) {
      if (outer[depth]!.length === 0) continue
      const group = site.around(groupLevels[depth]!)
      if (current[depth] !== group) {
        current[depth] = group
        groupFails[depth] = !runAll(outer[depth]!, site)
      }
      if (groupFails[depth]) fine = false
    }
    return fine
  }
  const runEvents = (site: Site): boolean => {
    const count = site.events
    for (let i = 0; i < count; i++) {
      if (!site.enterEvent(i)) continue
      const fine = runAll(events, site)
      site.leaveEvent()
      if (!fine) return false
    }
    return true
  }

  return {
    writes: bitsOf(steps.flatMap(({ statements }) => statements.map(({ writes }) => 1 << writes))),
    reads: bitsOf(steps.map((step) => step.reads & ~onceIn[depthOf(step)]!)),
    alone: steps.some(aloneIn),
    looksAside: steps.some((step) => step.looksAside),
    begin: () => void current.fill(noGroup),
    each: (site) => (!usesGroups || runAround(site)) && runAll(inner, site) && (events.length === 0 || runEvents(site)),
  }
}

const bitsOf = (bits: readonly number[]) => bits.reduce((all, each) => all | each, 0)
