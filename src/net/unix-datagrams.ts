import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Log } from '../runtime/log.ts'

export interface UnixDatagramsOptions {
  /** `/dev/log`. Made at the start, removed at the end. */
  path: string
  /** One datagram, nobody overwrites it. */
  onPacket: (packet: Buffer) => void
  log: Log
}

export interface UnixDatagrams {
  readonly packets: number
  /** Rejects with a sentence: without the package, or when somebody else holds the path. */
  start(): Promise<void>
  stop(): void
}

/** What we use of the package `unix-dgram`, which has no types of its own. */
interface NativeSocket {
  on(event: 'message', listener: (packet: Buffer) => void): void
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): void
  on(event: 'listening' | 'connect', listener: () => void): void
  bind(path: string): void
  connect(path: string): void
  close(): void
}
export type UnixDgram = { createSocket(type: 'unix_dgram'): NativeSocket }

/** The native package, loaded when it is needed first. Throws a sentence where it is missing or not built. */
export function loadUnixDgram(): UnixDgram {
  try {
    return createRequire(import.meta.url)('unix-dgram') as UnixDgram
  } catch (error) {
    throw new Error(
      'unix datagrams need the package unix-dgram, which is missing or not built for this Node: npm install unix-dgram ' +
        '(needs a C++ compiler), or let the sender use UDP',
      { cause: error },
    )
  }
}

/** Reads datagrams from a local socket, as syslogd does from /dev/log. Every user of the machine may write to it. */
export function newUnixDatagrams(options: UnixDatagramsOptions): UnixDatagrams {
  const { path, log, onPacket } = options
  let socket: NativeSocket | undefined
  let packets = 0
  return {
    get packets() {
      return packets
    },
    async start() {
      if (socket) return
      const native = loadUnixDgram()
      await removeStale(native, path)
      socket = await bound(native, path)
      chmodSync(path, 0o666)
      socket.on('message', (packet) => {
        packets++
        try {
          onPacket(packet)
        } catch (error) {
          log.error(`reading a datagram from ${path} failed: ${(error as Error).stack}`)
        }
      })
    },
    stop() {
      if (!socket) return
      socket.close()
      socket = undefined
      unlinkQuietly(path)
    },
  }
}

function bound(native: UnixDgram, path: string): Promise<NativeSocket> {
  return new Promise((resolve, reject) => {
    const socket = native.createSocket('unix_dgram')
    socket.on('error', (error) => {
      socket.close()
      reject(new Error(`failed to listen on ${path}: ${error.message}`, { cause: error }))
    })
    socket.on('listening', () => resolve(socket))
    socket.bind(path)
  })
}

/** A socket left behind by a process that died is removed; one that answers, or another file, is not. */
async function removeStale(native: UnixDgram, path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found) return
  if (!found.isSocket()) throw new Error(`failed to listen on ${path}: there is a file of that name which is no socket`)
  const isAlive = await new Promise<boolean>((resolve) => {
    const probe = native.createSocket('unix_dgram')
    const done = (alive: boolean) => {
      probe.close()
      resolve(alive)
    }
    probe.on('error', () => done(false))
    probe.on('connect', () => done(true))
    probe.connect(path)
  })
  if (isAlive)
    throw new Error(
      `${path} is in use; another process reads it (a syslogd or journald): stop it or choose another path`,
    )
  unlinkQuietly(path)
}

function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Gone already.
  }
}
