import { constants, createServer as createHttp2, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { onTestFinished } from 'vitest'
import { newCable } from './cable.ts'
import { newFaultPlan } from './fault-plan.ts'

/** What a peer can do to whoever sends to it. */
export const faults = [
  'cut', // the connection ends after some more bytes, most likely within a message
  'reset', // the same with a TCP reset
  'lost answers', // what the peer says no longer arrives, then the connection ends
  'goaway', // the connection is to end, then its streams are cut
  'end stream', // UNAVAILABLE in the middle of a stream
  'reset stream', // RST_STREAM in the middle of a stream
  'refuse streams', // the next streams are answered with UNAVAILABLE at once
  'away', // nobody listens until `comeBack`
] as const
export type Fault = (typeof faults)[number]

/** One gRPC stream that reached the peer. */
export interface PeerStream {
  readonly path: string
  /** Whole messages, in order, without their prefixes. */
  readonly messages: Buffer[]
}

/** A plaintext gRPC peer behind a cable, both made to break. It shares no code with our server. */
export interface BreakingPeer {
  readonly address: string
  /** In the order in which they were opened. */
  readonly streams: readonly PeerStream[]
  /** Messages received so far. */
  readonly messages: number
  /** Does this after so many more bytes or messages; one at a time. */
  plan(fault: Fault, after: { bytes: number; messages: number }): void | Promise<void>
  /** The planned fault has happened, or there was none. */
  readonly broken: boolean
  comeBack(): Promise<void>
}

/** Starts a peer that answers every call with OK and an empty message until something is planned. */
export async function startBreakingPeer(): Promise<BreakingPeer> {
  const cable = await newCable((socket) => front.emit('connection', socket))
  const front = createHttp2()
  const streams: PeerStream[] = []
  const sessions = new Set<ServerHttp2Session>()
  const plan = newFaultPlan(cable, streams)

  const onMessage = (stream: ServerHttp2Stream, own: PeerStream) => {
    const fault = plan.due()
    if (!fault) return
    if (fault === 'end stream') {
      // Who refuses a call has not taken its message.
      if (own.path.endsWith('/Export')) own.messages.pop()
      return finish(stream, '14')
    }
    if (fault === 'reset stream') return stream.close(constants.NGHTTP2_INTERNAL_ERROR)
    const { session } = stream
    session?.goaway(constants.NGHTTP2_NO_ERROR)
    setTimeout(() => session?.destroy(), 2)
  }
  const serve = (stream: ServerHttp2Stream, path: string) => {
    stream.on('error', () => {})
    if (plan.refuses()) return finish(stream, '14')
    const own: PeerStream = { path, messages: [] }
    streams.push(own)
    let rest: Buffer = Buffer.alloc(0)
    stream.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
        const end = 5 + rest.readUInt32BE(1)
        own.messages.push(Buffer.from(rest.subarray(5, end)))
        rest = rest.subarray(end)
        onMessage(stream, own)
      }
    })
    stream.on('end', () => finish(stream, '0'))
  }
  front.on('session', (session) => {
    sessions.add(session)
    session.on('error', () => {})
    session.on('close', () => sessions.delete(session))
  })
  front.on('stream', (stream, headers) => serve(stream as ServerHttp2Stream, String(headers[':path'])))
  onTestFinished(async () => {
    for (const session of sessions) session.destroy()
    await cable.stop()
  })

  return plan.peer
}

/** Ends a stream with a status; OK comes with an empty message. */
function finish(stream: ServerHttp2Stream, status: string): void {
  if (stream.destroyed || stream.closed) return
  if (stream.headersSent) return void stream.close()
  const type = { ':status': 200, 'content-type': 'application/grpc' }
  if (status !== '0') {
    stream.respond({ ...type, 'grpc-status': status, 'grpc-message': 'breaking' }, { endStream: true })
    setImmediate(() => stream.destroyed || stream.close(constants.NGHTTP2_NO_ERROR))
    return
  }
  stream.respond(type, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }))
  stream.end(Buffer.alloc(5))
}
