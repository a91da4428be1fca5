import { readFileSync, readlinkSync } from 'node:fs'
import type { Address } from './address.ts'

export type SocketKind = 'tcp' | 'udp'

/** What a socket is bound to, as the kernel has it: `0.0.0.0`, `::`, `127.0.0.1`; of a local datagram socket its path. */
type Bound = { readonly kind: SocketKind; readonly address: Address } | { readonly kind: 'unix'; readonly path: string }

type Inherited = Bound & { readonly fd: number }

/** The first descriptor that is handed over (sd_listen_fds(3)). */
const firstFd = 3

let inherited: Inherited[] | undefined

/**
 * The descriptor of a socket that the service manager bound for us (LISTEN_FDS of systemd), by what a component wants to
 * listen on; each is given away once. Undefined: bind it yourself.
 */
export function takeInherited(kind: SocketKind, wanted: Address): number | undefined {
  const { port, host } = wanted
  return take((it) => it.kind === kind && it.address.port === port && port !== 0 && sameHost(it.address.host, host))
}

/** The same for a local datagram socket. Who is done with it gives it back: the service manager keeps it, unlike its path. */
export function takeInheritedPath(path: string): number | undefined {
  return take((it) => it.kind === 'unix' && it.path === path)
}

/** For whoever comes next in this process, after a reload. */
export function giveBackInherited(path: string, fd: number): void {
  inherited ??= []
  inherited.push({ kind: 'unix', path, fd })
}

function take(isMeant: (it: Inherited) => boolean): number | undefined {
  inherited ??= findInherited(process.env, process.pid)
  const at = inherited.findIndex(isMeant)
  return at < 0 ? undefined : inherited.splice(at, 1)[0]!.fd
}

/** Sockets that nobody has asked for yet: `tcp 127.0.0.1:4317`. */
export function leftInherited(): string[] {
  inherited ??= findInherited(process.env, process.pid)
  return inherited.map((it) =>
    it.kind === 'unix' ? `unix ${it.path}` : `${it.kind} ${it.address.host}:${it.address.port}`,
  )
}

const anyHost = new Set(['', '0.0.0.0', '::'])
const sameHost = (has: string, wants: string) => has === wants || (anyHost.has(has) && anyHost.has(wants))

/** What `env` says was handed to process `pid`. `proc` is the folder of the process files, `/proc/self` by default. */
export function findInherited(env: NodeJS.ProcessEnv, pid: number, proc = '/proc/self'): Inherited[] {
  if (Number(env.LISTEN_PID) !== pid) return []
  const count = Math.min(Number(env.LISTEN_FDS) || 0, 256)
  const byInode = new Map<string, Bound>()
  for (const kind of ['tcp', 'udp'] as const)
    for (const version of ['', '6'])
      for (const [inode, address] of boundSockets(`${proc}/net/${kind}${version}`))
        byInode.set(inode, { kind, address })
  for (const [inode, path] of localSockets(`${proc}/net/unix`)) byInode.set(inode, { kind: 'unix', path })
  return Array.from({ length: count }, (_, i) => firstFd + i).flatMap((fd) => {
    const known = byInode.get(inodeOf(`${proc}/fd/${fd}`))
    return known ? [{ ...known, fd }] : []
  })
}

function inodeOf(path: string): string {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(path))?.[1] ?? ''
  } catch {
    return ''
  }
}

/** Inodes and local addresses of the sockets in `/proc/net/tcp` and its like that no peer is on the other side of. */
function boundSockets(path: string): [inode: string, address: Address][] {
  return linesOf(path).flatMap((line) => {
    const [, local, remote, , , , , , , inode] = line.trim().split(/\s+/)
    const [host, port] = local?.split(':') ?? []
    if (!host || !port || !inode || !remote?.endsWith(':0000')) return []
    return [[inode, { host: hostOf(host), port: Number.parseInt(port, 16) }]]
  })
}

/** Inodes and paths of the datagram sockets (type 2) in `/proc/net/unix`. */
function localSockets(path: string): [inode: string, path: string][] {
  return linesOf(path).flatMap((line) => {
    const [, inode, bound] = /^\S+: \S+ \S+ \S+ 0002 \S+ +(\d+) (.+)$/.exec(line) ?? []
    return inode && bound ? [[inode, bound]] : []
  })
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'latin1').split('\n')
  } catch {
    return []
  }
}

/** Words of four bytes in the byte order of the machine, as hexadecimal digits. */
function hostOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex')
  for (let at = 0; at < bytes.length; at += 4) bytes.subarray(at, at + 4).reverse()
  if (bytes.length === 4) return bytes.join('.')
  const words = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16))
  return new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1)
}
