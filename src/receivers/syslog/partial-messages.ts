import type { Budget } from '../../delivery/budget.ts'
import type { TcpConnection } from '../../net/tcp-connection.ts'
import type { Messages } from './messages.ts'

/** The memory of messages that are not complete yet, over all connections of a port. */
export interface PartialMessages {
  /** So many bytes more (or fewer) are held. False: there was no room for them. */
  hold(bytes: number): boolean
  /** Reads this connection again when there is room. False: what waits already is so much that none may ever be. */
  waits(connection: TcpConnection): boolean
}

/** Messages that never end must not keep others from ending: they may wait with this part of all memory. */
const mostOfAll = 1 / 2

export function newPartialMessages(budget: Budget, messages: Pick<Messages, 'isBlocked'>): PartialMessages {
  const waiting = new Set<TcpConnection>()
  let held = 0
  const again = () => {
    if (waiting.size === 0) return
    if (!budget.fits(1)) return budget.onRoom(again)
    // While all are blocked, whoever unblocks them lets these go too.
    if (!messages.isBlocked) for (const connection of waiting) connection.letGo()
    waiting.clear()
  }
  return {
    hold(bytes) {
      const fits = bytes <= 0 || budget.fits(bytes)
      held += bytes
      if (bytes > 0) budget.take(bytes)
      else budget.give(-bytes)
      return fits
    },
    waits(connection) {
      if (held > budget.maxBytes * mostOfAll) return false
      connection.hold()
      waiting.add(connection)
      budget.onRoom(again)
      return true
    },
  }
}
