import { copyOf, type Entry, OperatorFault, put } from './entry.ts'
import type { EntryCondition, Expression } from './expression.ts'
import type { Operator, Outputs } from './operator.ts'

/** Where entries go that meet a condition, and what is added to them. */
export interface Route {
  readonly meets: EntryCondition
  readonly outputs: Outputs
  readonly attributes: readonly (readonly [key: string, value: Expression])[]
}

/** Entries go the first way whose condition they meet; those that meet none go `others`, or are left out. */
export function router(routes: readonly Route[], others: Outputs | undefined): Operator['run'] {
  return (entry) => {
    const route = routes.find(({ meets }) => holds(meets, entry))
    if (!route) return others ?? false
    for (const [key, value] of route.attributes) put(entry.attributes, key, copyOf(value(entry)))
    return route.outputs
  }
}

/** A condition that cannot be asked is not met: the next may be. */
function holds(meets: EntryCondition, entry: Entry): boolean {
  try {
    return meets(entry)
  } catch (error) {
    if (error instanceof OperatorFault) return false
    throw error
  }
}
