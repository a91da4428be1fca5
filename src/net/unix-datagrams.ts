import { chmodSync, closeSync, lstatSync, read, unlinkSync, writeSync } from 'node:fs'
import type { Log } from '../runtime/log.ts'
import { giveBackInherited, takeInheritedPath } from './inherited-sockets.ts'
import { mostPerRead, openRecvmmsg } from './recvmmsg.ts'
import { openUnixSockets, type UnixSockets } from './unix-sockets.ts'

export interface UnixDatagramsOptions {
  /** `/dev/log`. Made at the start, removed at the end, unless a service manager made it. */
  path: string
  /** One datagram, whose bytes are lent for the time of the call. */
  onPacket: (packet: Buffer) => void
  log: Log
}

export interface UnixDatagrams {
  readonly packets: number
  /** Throws a sentence where there are no such sockets, or when somebody else holds the path. */
  start(): void
  /** Reads what has arrived, then removes the socket. */
  stop(): Promise<void>
}

/** A turn of the event loop takes so many reads of `mostPerRead` at most: others want their turn. */
const mostReads = 4
const mostPacketBytes = 64 << 10

/**
 * Reads datagrams from a local socket, as syslogd does from /dev/log. Every user of the machine may write to it. One
 * thread of Node's pool waits for the next one; what came with it is read at once.
 */
export function newUnixDatagrams({ path, log, onPacket }: UnixDatagramsOptions): UnixDatagrams {
  const room = Buffer.allocUnsafeSlow(mostPacketBytes)
  let sockets: UnixSockets | undefined
  let fd: number | undefined
  let isInherited = false
  let packets = 0
  let isWaiting = false
  /** Set while the end waits for the last read. */
  let over: (() => void) | undefined

  const take = (packet: Buffer) => {
    // A socket that ends answers with empty ones.
    if (packet.length === 0) return
    packets++
    try {
      onPacket(packet)
    } catch (error) {
      log.error(`reading a datagram from ${path} failed: ${(error as Error).stack}`)
    }
  }
  const waitForNext = () => {
    const own = fd!
    isWaiting = true
    read(own, room, 0, room.length, null, (error, bytes) => {
      isWaiting = false
      if (error) log.error(`reading ${path} failed: ${error.message}`)
      else take(room.subarray(0, bytes))
      if (over) over()
      else if (!error) readWaiting()
    })
  }
  // A process that ends waits for the threads of its pool.
  const wake = () => {
    if (!isWaiting) return
    if (isInherited) poke(sockets!, path)
    else sockets!.wake(fd!)
  }
  const readWaiting = () => {
    if (fd === undefined) return
    if (readSome(fd, take)) setImmediate(readWaiting)
    else waitForNext()
  }
  return {
    get packets() {
      return packets
    },
    start() {
      if (fd !== undefined) return
      sockets = openUnixSockets()
      fd = takeInheritedPath(path)
      isInherited = fd !== undefined
      fd ??= listen(sockets, path)
      process.once('exit', wake)
      waitForNext()
    },
    async stop() {
      if (fd === undefined || over) return
      process.off('exit', wake)
      if (!isInherited) unlinkQuietly(path)
      // Closed when the read that waits has ended: a descriptor closed under it could be somebody else's by then.
      if (isWaiting) {
        const ended = new Promise<void>((resolve) => (over = resolve))
        wake()
        await ended
        over = undefined
      }
      readSome(fd, take)
      if (isInherited) giveBackInherited(path, fd)
      else closeSync(fd)
      fd = undefined
    },
  }
}

function listen(sockets: UnixSockets, path: string): number {
  removeStale(sockets, path)
  const fd = sockets.listen(path)
  chmodSync(path, 0o666)
  return fd
}

/** Ends a read by an empty datagram: others who hold the socket must be able to go on reading it. */
function poke(sockets: UnixSockets, path: string): void {
  const fd = sockets.connect(path)
  if (fd === undefined) return
  try {
    writeSync(fd, '')
  } catch {
    // It is full: whoever reads it does not wait.
  }
  closeSync(fd)
}

let readMany: ReturnType<typeof openRecvmmsg> | false

/** Reads what waits, without waiting; answers whether there may be more. */
function readSome(fd: number, take: (packet: Buffer) => void): boolean {
  readMany ??= openRecvmmsg() ?? false
  if (!readMany) return false
  let count = 0
  for (let reads = 0; reads < mostReads && count === reads * mostPerRead; reads++) count += readMany(fd, take)
  return count === mostReads * mostPerRead
}

/** A socket left behind by a process that died is removed; one that answers, or another file, is not. */
function removeStale(sockets: UnixSockets, path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found) return
  if (!found.isSocket()) throw new Error(`failed to listen on ${path}: there is a file of that name which is no socket`)
  const probe = sockets.connect(path)
  if (probe !== undefined) {
    closeSync(probe)
    throw new Error(
      `${path} is in use; another process reads it (a syslogd or journald): stop it or choose another path`,
    )
  }
  unlinkQuietly(path)
}

function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Gone already.
  }
}
