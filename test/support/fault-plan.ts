import type { BreakingPeer, Fault, PeerStream } from './breaking-peer.ts'
import type { newCable } from './cable.ts'

/** What a peer is to do wrong next: the part that breaking peers of all protocols share. */
export interface FaultPlan {
  readonly peer: BreakingPeer
  /** Whether the stream that begins now is refused. */
  refuses(): boolean
  /** Counts a message; the fault that is due with it. */
  due(): Fault | undefined
}

/** `streams` are those of the peer behind the cable, who adds to them. */
export function newFaultPlan(cable: Awaited<ReturnType<typeof newCable>>, streams: readonly PeerStream[]): FaultPlan {
  let planned: { fault: Fault; messages: number } | undefined
  let refusals = 0
  let messages = 0
  return {
    refuses() {
      if (refusals === 0) return false
      refusals--
      return true
    },
    due() {
      messages++
      if (!planned || --planned.messages > 0) return undefined
      const { fault } = planned
      planned = undefined
      return fault
    },
    peer: {
      address: `127.0.0.1:${cable.port}`,
      streams,
      get messages() {
        return messages
      },
      plan(fault, after) {
        if (fault === 'away') return cable.close()
        if (fault === 'refuse streams') {
          refusals = 3
          return cable.breakAfter(after.bytes, 'cut')
        }
        if (fault === 'cut' || fault === 'reset' || fault === 'lost answers')
          return cable.breakAfter(after.bytes, fault)
        planned = { fault, messages: after.messages }
      },
      get broken() {
        return !planned && cable.whole && refusals === 0
      },
      comeBack: () => cable.open(),
    },
  }
}
