import type { Account } from '../delivery/ledger.ts'
import { succeed } from '../delivery/succession.ts'
import { beginHandover } from '../runtime/handover.ts'
import { type Difference, difference } from './difference.ts'
import { makePart, type Part, type Workshop } from './parts.ts'
import type { Plan } from './plan.ts'
import { Stage } from './stage.ts'
import { type Wanted, wantedParts } from './wanted.ts'

/** A plan on its way to be what runs: the parts it keeps, those made for it, and those it does without. */
export interface Generation {
  readonly plan: Plan
  readonly difference: Difference<Part>
  /** All parts of the plan, by key, in the order in which they are made. */
  readonly parts: ReadonlyMap<string, Part>
  readonly fresh: readonly Part[]
  readonly leaving: readonly Part[]
  /** What must wait until who holds what it needs is gone, by part. */
  readonly late: ReadonlyMap<Part, readonly Part[]>
  /**
   * What the new parts show becomes visible, what was promised to them is theirs. Ports must have been pointed to them.
   * There is no way back: answers what went wrong all the same.
   */
  takeOver(): readonly unknown[]
  /** Those who leave are gone. */
  settled(): void
  /** Nothing that is held is promised any more. */
  withdraw(): void
  /** Nothing has happened: the parts that were made must have been stopped. */
  abandon(): void
}

/** Creates what is new in a plan. Throws when something cannot be created, and then leaves nothing behind. */
export function newGeneration(
  plan: Plan,
  standing: readonly Part[],
  shop: Omit<Workshop, 'stage' | 'opened'>,
): Generation {
  const found = difference(standing, wantedParts(plan))
  const leaving = [...found.changed.map(({ part }) => part), ...found.removed]
  const stage = new Stage()
  const fresh: Part[] = []
  const parts = new Map<string, Part>()
  const kept = new Map(found.kept.map(({ part, wanted }) => [wanted.key, part]))
  const transition = new Transition(parts, leaving)
  const making = { ...shop, ...transition.ways(shop), stage }
  const abandon = () => {
    for (const part of fresh) part.conceal()
    transition.end('undone')
  }
  try {
    for (const wanted of wantedParts(plan)) {
      const part = kept.get(wanted.key) ?? makePart(wanted, making)
      parts.set(wanted.key, part)
      if (!kept.has(wanted.key)) fresh.push(part)
    }
  } catch (error) {
    for (const part of fresh) void part.component?.stop(AbortSignal.abort())?.catch(() => {})
    abandon()
    throw error
  }
  const handover = beginHandover(new Set(leaving.map(({ wanted }) => wanted.key)))
  return {
    plan,
    difference: found,
    parts,
    fresh,
    leaving,
    late: lateOnes(fresh, leaving),
    takeOver() {
      for (const { part, wanted } of found.kept) part.wanted = wanted
      const steps = [() => stage.open(), () => handover.complete()]
      for (const { part, wanted } of found.changed)
        steps.push(() => succeed(part.accounts, parts.get(wanted.key)!.accounts))
      return steps.flatMap(faultOf)
    },
    settled() {
      for (const part of leaving) part.conceal()
      transition.end('done')
    },
    withdraw: () => handover.abandon(),
    abandon,
  }
}

function faultOf(step: () => void): unknown[] {
  try {
    step()
    return []
  } catch (error) {
    return [error]
  }
}

/**
 * What new parts need of the generation while it is on its way. It forgets the others at the end: parts live for long, and
 * would keep all who were there before them.
 */
class Transition {
  private parts: ReadonlyMap<string, Part> | undefined
  private leaving: readonly Part[]
  private readonly successions = new Map<Account, ReturnType<Account['succession']>>()

  constructor(parts: ReadonlyMap<string, Part>, leaving: readonly Part[]) {
    this.parts = parts
    this.leaving = leaving
  }

  ways(shop: Pick<Workshop, 'extension'>): Pick<Workshop, 'extension' | 'opened'> {
    return {
      // Those that are made together ask for each other; later what runs is asked.
      extension: (id) => (this.parts ? this.parts.get(`extension ${id}`)?.component : shop.extension(id)),
      opened: (account) => {
        if (this.successions.has(account)) return
        if (this.leaving.some(({ accounts }) => accounts.includes(account)))
          this.successions.set(account, account.succession())
      },
    }
  }

  end(how: 'done' | 'undone'): void {
    for (const each of this.successions.values()) each[how]()
    this.successions.clear()
    this.parts = undefined
    this.leaving = []
  }
}

/** Parts that need something of those who leave which cannot be handed over: a file, an address that overlaps. */
function lateOnes(fresh: readonly Part[], leaving: readonly Part[]): ReadonlyMap<Part, readonly Part[]> {
  const late = new Map<Part, readonly Part[]>()
  for (const part of fresh) {
    const holders = leaving.filter((other) => clashes(needsOf(part.wanted), needsOf(other.wanted)))
    if (holders.length > 0) late.set(part, holders)
  }
  return late
}

const needsOf = ({ instance: { spec, config } }: Wanted): readonly string[] => spec.resources?.(config as never) ?? []

const clashes = (needs: readonly string[], held: readonly string[]) =>
  needs.some((need) => held.some((other) => cannotBeHandedOver(need, other)))

/** Of sockets the very same address goes over; another one with the same port is in the way. */
function cannotBeHandedOver(need: string, held: string): boolean {
  const [, scheme, port] = /^(tcp|udp) .*:(\d+)$/.exec(need) ?? []
  if (scheme === undefined) return need === held
  return need !== held && held.startsWith(`${scheme} `) && held.endsWith(`:${port}`) && port !== '0'
}
