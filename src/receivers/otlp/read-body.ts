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
    const body = newBody(announced, (change) =>
      change > 0 ? hold(held, change, memory) : letGo(held, -change, memory),
    )
    let size = 0
    const fail = (error: Error) => {
      request.off('data', take)
      // Whatever still comes is thrown away.
      request.resume()
      reject(error)
    }
    const take = (piece: Buffer) => {
      size += piece.length
      if (size > maxBytes) return fail(tooLarge())
      try {
        body.add(piece)
      } catch (error) {
        fail(error as Error)
      }
    }
    request.on('data', take)
    request.on('end', () => resolve(body.bytes()))
    request.on('error', () => reject(new ClientGone()))
    request.on('close', () => reject(new ClientGone()))
  })
}

/** Puts pieces together in one buffer, however small they are; a single one stays where it is. Tells what it takes before it does. */
function newBody(announced: number, onHeld: (change: number) => void) {
  let bytes: Buffer | undefined
  let size = 0
  const grow = (least: number) => {
    const old = bytes
    const room = Math.max(2 * least, 16 << 10)
    const next = announced >= least ? Math.min(announced, room) : room
    onHeld(next)
    bytes = Buffer.allocUnsafeSlow(next)
    if (!old) return
    old.copy(bytes, 0, 0, size)
    onHeld(-old.length)
  }
  return {
    add(piece: Buffer) {
      if (!bytes && piece.length >= announced) {
        onHeld(piece.length)
        bytes = piece
      } else {
        if (!bytes || size + piece.length > bytes.length) grow(size + piece.length)
        piece.copy(bytes!, size)
      }
      size += piece.length
    },
    bytes: () => bytes?.subarray(0, size) ?? Buffer.alloc(0),
  }
}
