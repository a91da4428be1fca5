import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

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

/** Datagrams that the kernel dropped in front of the socket with this inode; 0 where nobody knows. */
export const dropsOf = (inode: string): number => procUdp().find((line) => line.inode === inode)?.drops ?? 0

/** Sockets that a listener of this process has recognised as its own. */
const claimed = new Set<string>()

/** The socket on this port that this process holds and no other listener has claimed: a port may be shared. */
export function claimInode(port: number): string | undefined {
  const own = ownSockets()
  const line = procUdp().find((each) => each.port === port && own.has(each.inode) && !claimed.has(each.inode))
  if (line) claimed.add(line.inode)
  return line?.inode
}

/** The socket is about to close: its number may come again. */
export function giveBackInode(inode: string | undefined): void {
  if (inode !== undefined) claimed.delete(inode)
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
