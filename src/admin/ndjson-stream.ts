import type { ServerResponse } from 'node:http'
import type { Clock } from '../runtime/clock.ts'

/** Bytes that wait for a slow reader; what comes beyond is left out and counted. */
const mostWaiting = 1 << 20
/** A reader that has taken nothing for so long is cut off, milliseconds. */
const stuckMs = 30_000

/** An answer that goes on, one JSON value a line. It never holds up who writes. */
export class NdjsonStream {
  private readonly response: ServerResponse
  private readonly clock: Clock
  private behindSince: number | undefined

  constructor(response: ServerResponse, clock: Clock) {
    this.response = response
    this.clock = clock
    response.writeHead(200, { 'content-type': 'application/x-ndjson; charset=utf-8', 'cache-control': 'no-store' })
    response.flushHeaders()
    response.on('drain', () => {
      this.behindSince = undefined
    })
  }

  /** Whether the value went out; not when the reader is behind. */
  write(value: unknown): boolean {
    const { response } = this
    if (response.destroyed) return false
    if (response.writableLength > mostWaiting) {
      this.behindSince ??= this.clock.monotonic()
      if (this.clock.monotonic() - this.behindSince > stuckMs) response.destroy()
      return false
    }
    response.write(`${JSON.stringify(value)}\n`)
    return true
  }
}
