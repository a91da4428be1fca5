import type { Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import type { BreakingPeer, PeerStream } from './breaking-peer.ts'
import { newCable } from './cable.ts'
import { newFaultPlan } from './fault-plan.ts'

/**
 * The same as `startBreakingPeer` for syslog over TCP: a connection is a stream, a message is a line or counts its octets.
 * Nothing is ever answered. After `end stream`, `goaway` and `reset stream` the connection ends, the last with a reset; while
 * streams are refused connections are closed at once.
 */
export async function startBreakingSyslogPeer(): Promise<BreakingPeer> {
  const streams: PeerStream[] = []
  const sockets = new Set<Socket>()

  const onMessage = (socket: Socket) => {
    const fault = plan.due()
    if (fault === 'reset stream') socket.resetAndDestroy()
    else if (fault) socket.end()
  }
  const serve = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    if (plan.refuses()) return void socket.end()
    const own: PeerStream = { path: '', messages: [] }
    streams.push(own)
    let rest: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk])
      for (let end = messageEnd(rest); end > 0; end = messageEnd(rest)) {
        own.messages.push(Buffer.from(rest.subarray(0, end)))
        rest = rest.subarray(end)
        onMessage(socket)
      }
    })
  }
  const cable = await newCable(serve)
  const plan = newFaultPlan(cable, streams)
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await cable.stop()
  })

  return plan.peer
}

/** Where the first message ends: `12 <14>1 ...` counts its octets, any other is a line. 0: it has not arrived yet. */
function messageEnd(bytes: Buffer): number {
  if (bytes[0] === 0x3c) return bytes.indexOf(10) + 1
  const [head, octets] = /^(\d+) /.exec(bytes.toString('latin1', 0, 8)) ?? []
  const end = head ? head.length + Number(octets) : 0
  return end > bytes.length ? 0 : end
}
