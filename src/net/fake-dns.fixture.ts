import { createSocket } from 'node:dgram'
import { once } from 'node:events'

/** A DNS server on loopback for tests. */
export interface FakeDns {
  readonly server: string
  /** Names that were asked for, A records only, in order. */
  readonly asked: string[]
  close(): void
}

/** What to say for a name and record type: addresses, an error code of DNS (2 SERVFAIL, 3 NXDOMAIN), or nothing at all. */
export type FakeAnswer = readonly string[] | 2 | 3 | 5 | 'silence'

const types: Record<number, 'A' | 'AAAA'> = { 1: 'A', 28: 'AAAA' }

export async function fakeDns(answer: (name: string, type: 'A' | 'AAAA') => FakeAnswer): Promise<FakeDns> {
  const socket = createSocket('udp4')
  const asked: string[] = []
  socket.on('message', (query, peer) => {
    const { name, end } = nameAt(query, 12)
    const type = types[query.readUInt16BE(end)]
    if (!type) return
    if (type === 'A') asked.push(name)
    const said = answer(name, type)
    if (said === 'silence') return
    socket.send(reply(query.subarray(0, end + 4), said), peer.port, peer.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { server: `127.0.0.1:${socket.address().port}`, asked, close: () => socket.close() }
}

function nameAt(query: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = []
  let at = start
  for (; query[at]! > 0; at += query[at]! + 1) labels.push(query.toString('latin1', at + 1, at + 1 + query[at]!))
  return { name: labels.join('.').toLowerCase(), end: at + 1 }
}

/** RFC 1035, section 4: the question again, then the records, whose name points to it. */
function reply(question: Buffer, said: readonly string[] | number): Buffer {
  const head = Buffer.from(question)
  const code = typeof said === 'number' ? said : 0
  head.writeUInt16BE(0x8180 | code, 2)
  for (const [at, count] of [1, typeof said === 'number' ? 0 : said.length, 0, 0].entries())
    head.writeUInt16BE(count, 4 + 2 * at)
  return Buffer.concat([head, ...(typeof said === 'number' ? [] : said.map(record))])
}

function record(ip: string): Buffer {
  const bytes = ip.includes(':')
    ? Buffer.from(ip.split(':').flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]))
    : Buffer.from(ip.split('.').map(Number))
  const head = Buffer.from([0xc0, 12, 0, bytes.length === 4 ? 1 : 28, 0, 1, 0, 0, 0, 0, 0, bytes.length])
  return Buffer.concat([head, bytes])
}
