import type { Socket } from 'node:dgram'
import { mostPerRead, openRecvmmsg, type ReadMany, type TakePacket } from './recvmmsg.ts'

/** Reads what gathered in the kernel's buffer some hundred times a second, instead of waking up for each datagram. */
export interface Bursts {
  /** Call it when a datagram arrived the usual way: the socket rests from now on while bursts are read. */
  begin(): void
  /** Reads what is there; call it before the socket is closed. */
  end(): void
  /** The same for a socket that somebody else reads on, one datagram at a time at first. */
  letGo(): void
}

/** How long datagrams gather. 2 ms: a buffer of the usual 208 KiB holds what arrives meanwhile at 150,000/s. */
const gatherMs = (bufferBytes: number) => (bufferBytes < 1 << 20 ? 2 : 5)
/** A turn of the event loop takes so many reads of `mostPerRead` at most: others want their turn. */
const mostReads = 4

let readMany: ReadMany | false | undefined

/** Whether this system and this Node can read bursts; if so, all datagrams of one burst come in one turn. */
export function canReadBursts(): boolean {
  readMany ??= openRecvmmsg() ?? false
  return readMany !== false
}

/** For a bound socket with a receive buffer of so many bytes; undefined when it has to be read one datagram at a time. */
export function newBursts(socket: Socket, bufferBytes: number, take: TakePacket): Bursts | undefined {
  const handle = canReadBursts() && handleOf(socket)
  if (!handle || !readMany) return undefined
  const read = readMany
  const restMs = gatherMs(bufferBytes)
  let timer: NodeJS.Timeout | undefined
  let soon: NodeJS.Immediate | undefined
  let ended = false

  /** Answers how many datagrams there were. */
  const readBurst = () => {
    let count = 0
    for (let reads = 0; !ended && reads < mostReads && count === reads * mostPerRead; reads++)
      count += read(handle.fd, take)
    return count
  }
  const poll = () => {
    timer = soon = undefined
    const count = readBurst()
    if (ended) return
    if (count === mostReads * mostPerRead) soon = setImmediate(poll)
    else if (count > 0) timer = setTimeout(poll, restMs)
    // Silence, or an error: Node waits for what comes next, and says what is wrong.
    else handle.recvStart()
  }
  const end = () => {
    readBurst()
    ended = true
    clearTimeout(timer)
    clearImmediate(soon)
  }
  return {
    begin() {
      if (ended || timer || soon) return
      handle.recvStop()
      timer = setTimeout(poll, restMs)
    },
    end,
    letGo() {
      const isResting = timer !== undefined || soon !== undefined
      end()
      if (isResting) handle.recvStart()
    },
  }
}

/** What dgram hides: the descriptor of a socket, and how to stop and start reading it. */
interface Handle {
  readonly fd: number
  recvStart(): number
  recvStop(): number
}

/** dgram has no way to pause a socket; its handle has, under a symbol. Undefined when it no longer looks like that. */
function handleOf(socket: Socket): Handle | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol')
  const state = symbol && (socket as unknown as Record<symbol, { handle?: Partial<Handle> } | undefined>)[symbol]
  const handle = state?.handle
  const isKnown =
    typeof handle?.recvStart === 'function' && typeof handle.recvStop === 'function' && Number(handle.fd) >= 0
  return isKnown ? (handle as Handle) : undefined
}
