import { lines, whole, words } from './parse.ts'
import type { Scraper } from './scraper.ts'
import type { Sheet } from './sheet.ts'
import type { SystemFiles } from './system-files.ts'

export interface InterfaceCounts {
  readonly name: string
  /** The 16 columns of /proc/net/dev: 8 received, 8 transmitted. */
  readonly counts: readonly number[]
}

/** `eth0: 1 2 3 ...`; old kernels leave no space behind the colon. */
export function parseNetDev(text: string): InterfaceCounts[] {
  const found: InterfaceCounts[] = []
  for (const line of lines(text)) {
    // Names of aliases have a colon themselves.
    const colon = line.lastIndexOf(':')
    const counts = words(line.slice(colon + 1)).map(whole)
    if (colon > 0 && counts.length >= 16) found.push({ name: line.slice(0, colon).trim(), counts })
  }
  return found
}

// Numbers of states in /proc/net/tcp (include/net/tcp_states.h), with the Collector's names.
const tcpStates = new Map([
  ['01', 'ESTABLISHED'],
  ['02', 'SYN_SENT'],
  ['03', 'SYN_RECV'],
  ['04', 'FIN_WAIT_1'],
  ['05', 'FIN_WAIT_2'],
  ['06', 'TIME_WAIT'],
  ['07', 'CLOSE'],
  ['08', 'CLOSE_WAIT'],
  ['09', 'LAST_ACK'],
  ['0A', 'LISTEN'],
  ['0B', 'CLOSING'],
])

/** Adds the sockets of /proc/net/tcp by state. */
export function countTcpStates(text: string, into: Map<string, number>): void {
  for (const [, code] of text.matchAll(/^ *\d+: [0-9A-F]+:[0-9A-F]{4} [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) /gm)) {
    const state = code === '0C' ? 'SYN_RECV' : tcpStates.get(code!)
    if (state) into.set(state, (into.get(state) ?? 0) + 1)
  }
}

export function newNetworkScraper(isWanted: (name: string) => boolean, isHost: boolean): Scraper {
  // From inside a container /proc/net is the container's own; that of the host is that of its first process.
  const folder = isHost ? '/proc/1/net' : '/proc/net'
  return ({ files }, sheet) => {
    for (const each of parseNetDev(files.read(`${folder}/dev`))) if (isWanted(each.name)) addInterface(sheet, each)
    if (sheet.wants('system.network.connections')) addConnections(sheet, files, folder)
    for (const what of ['count', 'max']) {
      const metric = `system.network.conntrack.${what}`
      if (sheet.wants(metric))
        sheet.add(metric, whole(files.read(`/proc/sys/net/netfilter/nf_conntrack_${what}`).trim()))
    }
  }
}

function addInterface(sheet: Sheet, { name, counts }: InterfaceCounts): void {
  ;['receive', 'transmit'].forEach((direction, i) => {
    const add = (metric: string, value: number) => sheet.add(metric, value, 'device', name, 'direction', direction)
    const [bytes, packets, errors, dropped] = counts.slice(i * 8)
    add('system.network.packets', packets!)
    add('system.network.dropped', dropped!)
    add('system.network.errors', errors!)
    add('system.network.io', bytes!)
  })
}

function addConnections(sheet: Sheet, files: SystemFiles, folder: string): void {
  const counts = new Map([...tcpStates.values()].map((state) => [state, 0]))
  countTcpStates(files.read(`${folder}/tcp`), counts)
  let six = ''
  try {
    six = files.read(`${folder}/tcp6`)
  } catch {
    // A machine without IPv6.
  }
  countTcpStates(six, counts)
  for (const [state, count] of counts) {
    sheet.add('system.network.connections', count, 'protocol', 'tcp', 'state', state)
  }
}
