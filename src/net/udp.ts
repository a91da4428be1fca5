import { createSocket, type Socket } from 'node:dgram'
import { type Clock, systemClock } from '../runtime/clock.ts'
import { currentOwner, type Promised, promised } from '../runtime/handover.ts'
import type { Log } from '../runtime/log.ts'
import { type Address, formatAddress } from './address.ts'
import { takeInherited } from './inherited-sockets.ts'
import { bindError } from './listener.ts'
import { newLogSeries } from './log-series.ts'
import { claimInode, dropsOf, giveBackInode } from './proc-udp.ts'
import { type Bursts, newBursts } from './udp-bursts.ts'

/** Where a datagram came from. */
export interface Sender {
  readonly address: string
  readonly port: number
}

export interface UdpListenerOptions {
  endpoint: Address
  /** One datagram. Its bytes are lent for the time of the call: copy what you keep. Who sent it is known without `bursts` alone. */
  onPacket: (packet: Buffer, from?: Sender) => void
  /** Asked of the kernel; default 4 MiB. The kernel grants at most net.core.rmem_max, silently. */
  receiveBufferBytes?: number | undefined
  log: Log
  clock?: Clock | undefined
  /** Share the port with other processes (more than one worker). */
  reusePort?: boolean | undefined
  /** Read many datagrams per system call where the system can (default); all of one burst come in one turn. */
  bursts?: boolean | undefined
}

export interface UdpStats {
  packets: number
  bytes: number
  /** Failed reads, and datagrams whose listener threw. */
  errors: number
}

export interface UdpListener {
  readonly address: Address | undefined
  readonly stats: Readonly<UdpStats>
  /** Bytes of receive buffer that the kernel granted; 0 before `start`. */
  readonly receiveBufferBytes: number
  /**
   * Datagrams that the kernel dropped since `start` because we did not read fast enough (last column of /proc/net/udp).
   * Stays at its last value once stopped; 0 where the system has no such file.
   */
  kernelDrops(): number
  start(): Promise<Address>
  stop(): Promise<void>
}

const REBIND_MS = 1000

/** A bound socket that a reload can hand on, and what is known of it. */
interface Bound {
  readonly socket: Socket
  readonly inode: string | undefined
}

interface Holding {
  readonly by: string | undefined
  promise: Promised | undefined
  /** Ends this listener's part in it and gives it away; undefined when it is broken. */
  giveAway(): Bound | undefined
}

/** Whether a listener of this process has this address. */
export const holdsUdp = (address: Address): boolean => holdings.has(formatAddress(address))

/** Sockets of this process by address. */
const holdings = new Map<string, Holding>()

/** Reads datagrams (IPv4). An error after the start closes and binds anew, every second until it works. */
export function newUdpListener(options: UdpListenerOptions): UdpListener {
  const { endpoint, onPacket, log } = options
  const clock = options.clock ?? systemClock
  const wanted = options.receiveBufferBytes ?? 4 * 1024 * 1024
  const series = newLogSeries(log, clock, 'error')
  const stats: UdpStats = { packets: 0, bytes: 0, errors: 0 }
  let socket: Socket | undefined
  let bursts: Bursts | undefined
  let binding: Promise<Address> | undefined
  let stopped = true
  let address: Address | undefined
  let granted = 0
  let inode: string | undefined
  let drops = 0
  let dropsBefore = 0
  let retry: { cancel(): void } | undefined
  let key: string | undefined
  let holding: Holding | undefined
  let promise: Promised | undefined

  const take = (packet: Buffer, from?: Sender) => {
    stats.packets++
    stats.bytes += packet.length
    try {
      onPacket(packet, from)
    } catch (error) {
      stats.errors++
      series.note('packet', `reading a datagram failed: ${(error as Error).stack}`)
    }
  }
  const opened = (next: Socket, by: string | undefined, known?: Bound): Address => {
    next.removeAllListeners('error')
    next.on('error', (error) => failed(next, error))
    next.on('message', (packet, from) => {
      bursts?.begin()
      take(packet, from)
    })
    granted = enlarge(next, wanted)
    socket = next
    bursts = options.bursts === false ? undefined : newBursts(next, granted, take)
    address = { host: endpoint.host, port: next.address().port }
    inode = known ? known.inode : claimInode(address.port)
    // What the kernel dropped before is the predecessor's.
    dropsBefore = drops - (known?.inode === undefined ? 0 : dropsOf(known.inode))
    key = formatAddress(address)
    holding = { by, promise: undefined, giveAway }
    holdings.set(key, holding)
    return address
  }
  const forget = () => {
    if (key !== undefined && holdings.get(key) === holding) holdings.delete(key)
    holding = undefined
  }
  const giveAway = (): Bound | undefined => {
    const given = socket && { socket, inode }
    kernelDrops()
    bursts?.letGo()
    given?.socket.removeAllListeners()
    forget()
    socket = undefined
    binding = undefined
    inode = undefined
    return given
  }
  /** The socket of one who leaves: it comes when the handover is completed. */
  const promiseOf = (port: number): Address | undefined => {
    const held = holdings.get(formatAddress({ host: endpoint.host, port }))
    if (!held || held.promise?.isOpen) return undefined
    const by = currentOwner()
    address = { host: endpoint.host, port }
    promise = promised(held.by, () => {
      promise = undefined
      const bound = held.giveAway()
      if (bound) opened(bound.socket, by, bound)
      else rebind()
    })
    if (!promise) return undefined
    held.promise = promise
    return address
  }
  const kernelDrops = () => {
    if (socket && inode !== undefined) drops = Math.max(drops, dropsBefore + dropsOf(inode))
    return drops
  }
  const bind = (port: number) => {
    binding = new Promise<Address>((resolve, reject) => {
      const next = createSocket({ type: 'udp4', reusePort: options.reusePort ?? false })
      next.once('error', (error) => {
        next.close()
        reject(bindError(error, { host: endpoint.host, port }))
      })
      const by = currentOwner()
      const fd = takeInherited('udp', { host: endpoint.host, port })
      next.bind(fd === undefined ? { address: endpoint.host || '0.0.0.0', port } : { fd }, () =>
        resolve(opened(next, by)),
      )
    })
    return binding
  }
  const failed = (broken: Socket, error: Error) => {
    if (socket !== broken) return
    stats.errors++
    series.note('read', `reading from UDP failed: ${error.message}; binding anew`)
    void release()
    rebind()
  }
  /** Closes the socket, and forgets it at once. */
  const release = async () => {
    const last = socket
    socket = undefined
    binding = undefined
    bursts?.end()
    forget()
    giveBackInode(inode)
    inode = undefined
    if (last) await new Promise<void>((resolve) => last.close(resolve))
  }
  const rebind = () => {
    retry = clock.after(REBIND_MS, () => {
      bind(address!.port).catch((error: Error) => {
        series.note('bind', error.message)
        if (!stopped) rebind()
      })
    })
  }
  return {
    stats,
    get address() {
      return socket && address
    },
    get receiveBufferBytes() {
      return granted
    },
    kernelDrops,
    async start() {
      if (!stopped) return binding ?? address!
      stopped = false
      const coming = promiseOf(endpoint.port)
      if (coming) return coming
      try {
        await bind(endpoint.port)
      } catch (error) {
        stopped = true
        throw error
      }
      if (granted < wanted)
        log.info(`UDP receive buffer: ${granted} bytes granted, ${wanted} asked for (net.core.rmem_max is the limit)`)
      return address!
    },
    async stop() {
      stopped = true
      retry?.cancel()
      series.close()
      promise?.takeBack()
      // A socket that is being bound can be closed when it is.
      await binding?.catch(() => undefined)
      kernelDrops()
      await release()
    },
  }
}

/** Linux reports twice of what is usable; other systems the number itself. */
function enlarge(socket: Socket, bytes: number): number {
  try {
    socket.setRecvBufferSize(bytes)
  } catch {
    // Systems that refuse instead of granting less keep their default.
  }
  return process.platform === 'linux' ? socket.getRecvBufferSize() / 2 : socket.getRecvBufferSize()
}
