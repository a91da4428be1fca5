import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'

export interface HttpReply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** The first 64 KiB; what stands behind is not kept. */
  readonly body: Buffer
}

/** There is no answer. */
export class HttpFailure extends Error {
  /** There was no connection: the peer has nothing of the request. */
  readonly unsent: boolean

  constructor(message: string, unsent: boolean, cause?: unknown) {
    super(message, { cause })
    this.name = 'HttpFailure'
    this.unsent = unsent
  }
}

export type RequestHeaders = Readonly<Record<string, string>>

const keptBytes = 64 * 1024
/** So much more is read for the sake of the connection; then it is given up instead. */
const skippedBytes = 64 * 1024

/** The head of an answer counts even where its body breaks off. */
export function collectReply(response: Readable, done: (body: Buffer) => void): void {
  const chunks: Buffer[] = []
  let size = 0
  let kept = 0
  const finish = () => done(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, kept))
  response.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (kept < keptBytes) {
      const room = chunk.length <= keptBytes - kept ? chunk : chunk.subarray(0, keptBytes - kept)
      chunks.push(room)
      kept += room.length
    }
    if (size > keptBytes + skippedBytes) response.destroy()
  })
  response.on('error', finish)
  response.on('close', finish)
  response.on('end', finish)
}
