import type { IncomingMessage } from 'node:http'
import { largestMessage, type Memory } from '../../net/memory.ts'
import { GrpcCode, GrpcError } from '../../net/status.ts'
import { tooLarge } from './decompress.ts'
import { HttpFault } from './http-fault.ts'

/** Nobody is left to be answered. */
export class ClientGone extends Error {}

/** What this process holds of a request. */
export interface Held {
  bytes: number
}

/** There is no room in memory for the request: its sender may come again. */
export class NoMemory extends HttpFault {
  constructor() {
    const text = 'data refused due to high memory usage'
    super(503, text, new GrpcError(GrpcCode.unavailable, text, { retryDelayMs: 1000 }))
  }
}

/** Charges `held` with more; throws when there is no room for it. */
export function hold(held: Held, bytes: number, memory: Memory): void {
  if (!memory.fits(bytes)) throw new NoMemory()
  memory.take(bytes)
  held.bytes += bytes
}

/** What was held of something else is given back. */
export function letGo(held: Held, bytes: number, memory: Memory): void {
  memory.give(bytes)
  held.bytes -= bytes
}

/** The whole body, at most `maxBytes`, charged to `held` while it comes. Rejects with HttpFault or ClientGone. */
export function readBody(request: IncomingMessage, maxBytes: number, memory: Memory, held: Held): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > maxBytes) return Promise.reject(tooLarge())
  if (Math.max(1, announced) > largestMessage(memory)) {
    // Its sender may come again: the bytes of this time are not kept.
    request.resume()
    return Promise.reject(new NoMemory())
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const fail = (error: Error) => {
      request.removeAllListeners('data')
      // Whatever still comes is thrown away.
      request.resume()
      reject(error)
    }
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > maxBytes) return fail(tooLarge())
      try {
        hold(held, chunk.length, memory)
        chunks.push(chunk)
      } catch (error) {
        fail(error as Error)
      }
    })
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size)))
    request.on('error', () => reject(new ClientGone()))
    request.on('close', () => reject(new ClientGone()))
  })
}
