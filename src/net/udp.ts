import { createSocket, type Socket } from 'node:dgram'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { type Clock, systemClock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { Address } from './address.ts'
import { bindError } from './listener.ts'
import { newLogSeries } from './log-series.ts'

export interface UdpListenerOptions {
  endpoint: Address
  /** One datagram. The buffer is the listener's only until the call; nobody overwrites it afterwards. */
  onPacket: (packet: Buffer) => void
  /** Asked of the kernel; default 4 MiB. The kernel grants at most net.core.rmem_max, silently. */
  receiveBufferBytes?: number | undefined
  log: Log
  clock?: Clock | undefined
  /** Share the port with other processes (more than one worker). */
  reusePort?: boolean | undefined
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

/** Reads datagrams (IPv4). An error after the start closes and binds anew, every second until it works. */
export function newUdpListener(options: UdpListenerOptions): UdpListener {
  const { endpoint, onPacket, log } = options
  const clock = options.clock ?? systemClock
  const wanted = options.receiveBufferBytes ?? 4 * 1024 * 1024
  const series = newLogSeries(log, clock, 'error')
  const stats: UdpStats = { packets: 0, bytes: 0, errors: 0 }
  let socket: Socket | undefined
  let address: Address | undefined
  let granted = 0
  let inode: string | undefined
  let drops = 0
  let dropsBefore = 0
  let retry: { cancel(): void } | undefined

  const bind = (port: number) =>
    new Promise<Address>((resolve, reject) => {
      const next = createSocket({ type: 'udp4', reusePort: options.reusePort ?? false })
      next.once('error', (error) => {
        next.close()
        reject(bindError(error, { host: endpoint.host, port }))
      })
      next.on('message', (packet) => {
        stats.packets++
        stats.bytes += packet.length
        try {
          onPacket(packet)
        } catch (error) {
          stats.errors++
          series.note('packet', `reading a datagram failed: ${(error as Error).stack}`)
        }
      })
      next.bind({ address: endpoint.host || '0.0.0.0', port }, () => {
        next.removeAllListeners('error')
        next.on('error', (error) => failed(next, error))
        granted = enlarge(next, wanted)
        socket = next
        address = { host: endpoint.host, port: next.address().port }
        inode = claimInode(address.port)
        dropsBefore = drops
        resolve(address)
      })
    })

  const failed = (broken: Socket, error: Error) => {
    if (socket !== broken) return
    stats.errors++
    series.note('read', `reading from UDP failed: ${error.message}; binding anew`)
    socket = undefined
    giveBackInode()
    broken.close()
    rebind()
  }
  const giveBackInode = () => {
    if (inode !== undefined) claimed.delete(inode)
    inode = undefined
  }
  const rebind = () => {
    retry = clock.after(REBIND_MS, () => {
      bind(address!.port).catch((error: Error) => {
        series.note('bind', error.message)
        rebind()
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
    kernelDrops() {
      if (socket && inode !== undefined) drops = Math.max(drops, dropsBefore + dropsOf(inode))
      return drops
    },
    async start() {
      if (socket) return address!
      const bound = await bind(endpoint.port)
      if (granted < wanted)
        log.info(`UDP receive buffer: ${granted} bytes granted, ${wanted} asked for (net.core.rmem_max is the limit)`)
      return bound
    },
    async stop() {
      retry?.cancel()
      series.close()
      const last = socket
      if (!last) return
      this.kernelDrops()
      socket = undefined
      giveBackInode()
      await new Promise<void>((resolve) => last.close(resolve))
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

interface UdpLine {
  port: number
  inode: string
  drops: number
}

/** The lines of /proc/net/udp: `sl local rem st tx:rx tr:when retrnsmt uid timeout inode ref pointer drops`. */
export function parseProcUdp(text: string): UdpLine[] {
  const lines: UdpLine[] = []
  for (const line of text.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/)
    const port = Number.parseInt(columns[1]?.split(':')[1] ?? '', 16)
    const drops = Number(columns[12])
    if (Number.isInteger(port) && Number.isInteger(drops)) lines.push({ port, inode: columns[9]!, drops })
  }
  return lines
}

function procUdp(): UdpLine[] {
  try {
    return parseProcUdp(readFileSync('/proc/net/udp', 'latin1'))
  } catch {
    return []
  }
}

const dropsOf = (inode: string): number => procUdp().find((line) => line.inode === inode)?.drops ?? 0

/** Sockets that a listener of this process has recognised as its own. */
const claimed = new Set<string>()

/** The socket on this port that this process holds and no other listener has claimed: a port may be shared. */
function claimInode(port: number): string | undefined {
  const own = ownSockets()
  const line = procUdp().find((each) => each.port === port && own.has(each.inode) && !claimed.has(each.inode))
  if (line) claimed.add(line.inode)
  return line?.inode
}

/** Inodes of the sockets among this process's open files. */
function ownSockets(): Set<string> {
  const inodes = new Set<string>()
  try {
    for (const fd of readdirSync('/proc/self/fd')) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/self/fd/${fd}`))?.[1]
      if (inode) inodes.add(inode)
    }
  } catch {
    // No /proc: kernel drops stay unknown.
  }
  return inodes
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
