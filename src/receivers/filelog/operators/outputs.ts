import type { NestedIssue } from '../../../config/field.ts'
import { nearest } from '../../../config/nearest.ts'
import { unwrapped } from '../../../config/substituted.ts'
import type { Outputs } from './operator.ts'

/** What of an operator says where its entries go. */
export interface Named {
  readonly type: string
  readonly id?: string | undefined
  readonly output?: unknown
  readonly routes?: readonly { readonly output?: unknown }[] | undefined
  readonly default?: unknown
}

/** Where entries go from an operator; from a router by its routes, and by none of them. */
export interface Ways {
  readonly outputs: Outputs
  readonly routes: readonly Outputs[]
  readonly others: Outputs | undefined
}

/**
 * Finds the operators that outputs name; an operator without one goes to the next, the last one to the end. Unknown names,
 * those that several operators have, and ways that lead back are added to `issues`.
 */
export function waysOf(all: readonly (Named | undefined)[], issues: NestedIssue[]): Ways[] {
  const before = issues.length
  const ids = all.map((each) => each && (each.id ?? each.type))
  const find = (given: unknown, path: PropertyKey[]): number[] => {
    const written = unwrapped(given)
    const names = (Array.isArray(written) ? written : [written]).map(unwrapped)
    return names.flatMap((name) => {
      const at = ids.indexOf(name as string)
      if (at >= 0 && ids.lastIndexOf(name as string) === at) return [at]
      issues.push({ path, ...wrongName(name, at >= 0, ids) })
      return []
    })
  }
  const isGiven = (given: unknown) => {
    const written = unwrapped(given)
    return written !== undefined && written !== null && !(Array.isArray(written) && written.length === 0)
  }
  const ways = all.map((each, i): Ways => {
    const isRouter = each?.type === 'router'
    const outputs = isGiven(each?.output) ? find(each!.output, [i, 'output']) : isRouter ? [] : [i + 1]
    const routes = (each?.routes ?? []).map(({ output }, n) => find(output, [i, 'routes', n, 'output']))
    return { outputs, routes, others: isGiven(each?.default) ? find(each!.default, [i, 'default']) : undefined }
  })
  if (issues.length === before) checkCircles(ways, ids, issues)
  return ways
}

function wrongName(name: unknown, isTwice: boolean, ids: readonly (string | undefined)[]) {
  if (isTwice) {
    const message = `two operators are called ${JSON.stringify(name)}`
    return { message, params: { hint: 'give each an id of its own' } }
  }
  const known = ids.filter((id) => id !== undefined)
  const meant = nearest(String(name), known)
  const hint = meant === undefined ? `operators are called ${known.join(', ')}` : `did you mean "${meant}"?`
  return { message: `there is no operator called ${JSON.stringify(name)}`, params: { hint } }
}

function checkCircles(ways: readonly Ways[], ids: readonly (string | undefined)[], issues: NestedIssue[]): void {
  const seen = new Set<number>()
  const visit = (at: number, trail: readonly number[]): boolean => {
    if (trail.includes(at)) {
      const circle = [...trail.slice(trail.indexOf(at)), at].map((i) => ids[i]).join(' -> ')
      const path = ways[at]!.outputs.length > 0 ? [at, 'output'] : [at]
      issues.push({ path, message: `the entries would go in a circle: ${circle}` })
      return true
    }
    const way = ways[at]
    if (!way || seen.has(at)) return false
    seen.add(at)
    const next = [...way.outputs, ...way.routes.flat(), ...(way.others ?? [])]
    return next.some((each) => visit(each, [...trail, at]))
  }
  for (let i = 0; i < ways.length; i++) if (visit(i, [])) return
}
