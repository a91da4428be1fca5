/** What connections and messages under assembly are charged to: a `Budget` of the delivery layer. */
export interface Memory {
  readonly maxBytes: number
  /** Whether so many bytes more may be held at all. */
  fits(bytes: number): boolean
  /** Bytes that senders who can be refused may still bring. */
  room(): number
  /** Takes them whether they fit or not: ask first. */
  take(bytes: number): void
  give(bytes: number): void
}

/** Holds bytes for as long as `use` takes. */
export async function charged<T>(memory: Memory, bytes: number, use: () => Promise<T>): Promise<T> {
  memory.take(bytes)
  try {
    return await use()
  } finally {
    memory.give(bytes)
  }
}

/** What an open connection costs while nothing moves on it: measured over 1,000 of each kind, 2 to 26 kB and 95 kB. */
export const connectionBytes = { plain: 24 << 10, tls: 96 << 10 } as const
/** What an open call costs with headers of the usual size: measured over 50,000. */
export const callBytes = 8 << 10

/** The connections of one port, or their calls. */
export interface Charge {
  /** Charges one more. False: there is no memory for it. */
  enter(): boolean
  leave(): void
}

/** Whoever is to be told to come again later must be let in: so much is theirs even where nothing is left. */
const ownShare = 1 / 4

/** `cost` bytes for each that enters; `atMost` their share: also where there is more room, which is for others. */
export function newCharge(memory: Memory | undefined, cost: number, atMost = false): Charge {
  let held = 0
  return {
    enter() {
      if (memory && held + cost > memory.maxBytes * ownShare && (atMost || !memory.fits(cost))) return false
      held += cost
      memory?.take(cost)
      return true
    },
    leave() {
      held -= cost
      memory?.give(cost)
    },
  }
}

/**
 * The largest message that there is room for; 0 for none. At its peak one needs its bytes as they are put together, their
 * copy in the pipeline, and the numbers kept of every record.
 */
export const largestMessage = (memory: Memory): number => Math.max(0, Math.floor(((memory.room() - 4096) * 8) / 17))
