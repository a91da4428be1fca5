import type { DropReason } from '../../plugin.ts'
import type { Drain } from './drain.ts'
import { Spill } from './spill.ts'
import { type SpillWorld, spillKey } from './spill-world.ts'

const reason: DropReason = 'no_destination'

/** Books what the process before left on disk for drains that nobody has any more, and removes it. */
export async function giveUpStrays(world: SpillWorld, drains: Iterable<Drain>): Promise<void> {
  const { left, leftovers, account, log } = world
  let messages = leftovers.giveUp(reason)
  const onLost = (loss: DropReason, count: number) => {
    messages += count
    account.drop(loss, count)
  }
  const strays = new Set(left)
  if (strays.size > 0) for (const { spec } of drains) strays.delete(spillKey(spec))
  await Promise.all(Array.from(strays, (key) => newStray(world, key, onLost).discard(reason)))
  if (messages > 0) log.warn('messages on disk for drains that nobody has any more are given up', { messages })
}

/** A folder that is only opened to be counted. */
const newStray = (world: SpillWorld, key: string, onLost: (loss: DropReason, messages: number) => void): Spill =>
  new Spill({
    key,
    name: `folder ${key}`,
    world,
    atOnce: { bytes: 0, messages: 0 },
    refill: () => 0,
    hasRoom: () => false,
    onLost,
    onChanged: () => {},
  })
