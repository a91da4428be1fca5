import type { Catalogue } from '../components.ts'
import type { Instance, Plan } from '../engine/plan.ts'
import type { ComponentKind } from '../plugin.ts'
import { packed, unpacked } from './portable.ts'

/** A plan as a message between threads carries it: components by their names. */
export interface PackedPlan extends Omit<Plan, 'instances'> {
  readonly instances: readonly PackedInstance[]
}

interface PackedInstance extends Omit<Instance, 'spec'> {
  readonly kind: ComponentKind
  readonly type: string
}

/** Throws on settings that cannot be carried. */
export function packPlan(plan: Plan): PackedPlan {
  const instances = plan.instances.map(({ id, required, spec, config }) => {
    return { id, required, kind: spec.kind, type: spec.type, config: packed(config) }
  })
  return { ...plan, instances }
}

/** Loads the components that are new to this thread. */
export async function unpackPlan(plan: PackedPlan, catalogue: Catalogue): Promise<Plan> {
  const instances: Instance[] = []
  for (const { id, required, kind, type, config } of plan.instances) {
    const spec = await catalogue.find(kind, type)
    if (!spec) throw new Error(`the ${kind} "${type}" is not there any more`)
    instances.push({ id, required, spec, config: unpacked(config) })
  }
  return { ...plan, instances }
}
