import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { onTestFinished } from 'vitest'
import type { BreakingPeer, PeerStream } from './breaking-peer.ts'
import { newCable } from './cable.ts'
import { newFaultPlan } from './fault-plan.ts'

/**
 * The same as `startBreakingPeer` for POSTs over HTTP/1.1: a request is a stream of one message. `end stream` is answered
 * with 503, as `refuse streams` is; after `goaway` and `reset stream` the connection ends without an answer.
 */
export async function startBreakingHttpPeer(certificate?: { cert: string; key: string }): Promise<BreakingPeer> {
  const cable = await newCable((socket) => front.emit('connection', socket))
  const streams: PeerStream[] = []
  const plan = newFaultPlan(cable, streams)

  const refuse = (response: ServerResponse) => void response.writeHead(503).end()
  const onMessage = (response: ServerResponse, own: PeerStream) => {
    const fault = plan.due()
    if (!fault) return void response.writeHead(200).end()
    if (fault !== 'end stream') return void response.destroy()
    // Who refuses a request has not taken its message.
    own.messages.pop()
    refuse(response)
  }
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (plan.refuses()) return refuse(response)
      const own: PeerStream = { path: request.url!, messages: [Buffer.concat(chunks)] }
      streams.push(own)
      onMessage(response, own)
    })
  }
  const front = certificate ? createHttps(certificate, handle) : createServer(handle)
  // A handshake that breaks.
  front.on('tlsClientError', () => {})
  onTestFinished(async () => {
    front.closeAllConnections()
    await cable.stop()
  })

  return plan.peer
}
