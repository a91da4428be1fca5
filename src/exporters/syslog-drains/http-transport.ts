import type { Socket } from 'node:net'
import type { DrainUrl } from '../../drains/drain-url.ts'
import { formatAddress } from '../../net/address.ts'
import type { Clock, Timer } from '../../runtime/clock.ts'
import { frame, readFrame } from '../../wire/syslog/frames.ts'
import { DrainSocket } from './drain-socket.ts'
import type { Flight, TakeLimits } from './flight.ts'
import { HttpResponse } from './http-response.ts'
import { type Dial, DrainError, type Transport } from './transport.ts'

export interface HttpTransportOptions {
  dial: Dial
  clock: Clock
  url: DrainUrl
  /** How many messages make one request. */
  limits: TakeLimits
  /** From the first byte of the request to the last one of the answer. */
  timeoutMs: number
  maxAgeMs: number
  maxIdleMs: number
  onOpen(): void
}

/** One message in a request, or 512 KiB and the message that reaches them. */
export const singleLimits: TakeLimits = { bytes: Number.POSITIVE_INFINITY, messages: 1, overshoot: false }
export const batchLimits: TakeLimits = { bytes: 524_288, messages: Number.POSITIVE_INFINITY, overshoot: true }

const sliceBytes = 65_536

/**
 * POSTs messages without their octet counts over one keep-alive connection, one request under way. The head is written
 * once; only the length changes. Redirects are not followed, everything but 2xx is a failure.
 */
export class HttpTransport implements Transport {
  readonly limits: TakeLimits
  private readonly options: HttpTransportOptions
  private readonly head: Buffer
  private readonly connection: DrainSocket
  private request: Buffer = Buffer.alloc(0)
  /** Number of the request under way. */
  private turn = 0
  /** Some of its body is still to be written. */
  private unsent = false
  private readonly response = new HttpResponse()
  private done: ((error?: DrainError) => void) | undefined = undefined
  private timer: Timer | undefined = undefined
  private deadline = 0
  /** No request is on its way yet. */
  private waitsForConnection = false

  constructor(options: HttpTransportOptions) {
    this.options = options
    this.limits = options.limits
    this.head = Buffer.from(requestHead(options.url), 'latin1')
    const { dial, clock, maxAgeMs, maxIdleMs, onOpen } = options
    this.connection = new DrainSocket({
      dial,
      clock,
      maxAgeMs,
      maxIdleMs,
      onOpen,
      onClose: (error) => this.closed(error),
      onData: (bytes) => this.answered(bytes),
    })
  }

  send(take: () => Flight | undefined, done: (error?: DrainError) => void): void {
    this.done = done
    this.waitsForConnection = true
    this.connection.use((error, socket) => {
      this.waitsForConnection = false
      const flight = socket && take()
      if (flight) this.write(socket, flight)
      else this.finish(error)
    })
  }

  close(): void {
    this.timer?.cancel()
    if (this.done) this.connection.close()
    else this.connection.retire()
    this.finish(new DrainError('write', 'given up'))
  }

  private write(socket: Socket, flight: Flight): void {
    this.response.reset()
    this.arm()
    if (flight.messages === 1) socket.write(this.requestFor(flight))
    else this.writeSlices(socket, flight)
  }

  /** Head and body in one buffer, which is used again: an answer says that it was read. */
  private requestFor({ pieces, bytes }: Flight): Buffer {
    const { chunk, from, to } = pieces[0]!
    readFrame(chunk.bytes, from, to)
    const length = `${frame.end - frame.start}\r\n\r\n`
    const out = this.reusable(this.head.length + length.length + bytes)
    const end = this.head.copy(out) + out.write(length, this.head.length, 'latin1')
    return out.subarray(0, end + chunk.bytes.copy(out, end, frame.start, frame.end))
  }

  /** A large body goes slice by slice, so that it never stands in memory a second time. */
  private writeSlices(socket: Socket, flight: Flight): void {
    const turn = ++this.turn
    const cursor = { piece: 0, pos: flight.pieces[0]!.from }
    const next = (error?: Error | null) => {
      if (error || this.turn !== turn || !this.done) return
      const slice = nextSlice(flight, cursor)
      if (slice) socket.write(slice, next)
      else this.unsent = false
    }
    this.unsent = true
    socket.write(Buffer.concat([this.head, Buffer.from(`${flight.bodyBytes}\r\n\r\n`)]))
    next()
  }

  private reusable(size: number): Buffer {
    if (this.request.length < size) this.request = Buffer.allocUnsafeSlow(Math.max(2048, size * 2))
    // One giant message must not stay for good.
    else if (this.request.length > 65_536 && size < 4096) this.request = Buffer.allocUnsafeSlow(4096)
    return this.request
  }

  private answered(bytes: Buffer): void {
    const { response } = this
    // It talks without having been asked: not a connection to go on with.
    if (!this.done) return void this.connection.close()
    const state = response.feed(bytes)
    if (state === 'more') return
    // An answer to half a request: the other half must not be taken for the next one.
    if (!response.keepAlive || this.unsent) this.connection.close()
    if (state === 'bad') this.finish(new DrainError('answer', response.fault))
    else this.judge(response)
  }

  private closed(error: Error | undefined): void {
    const { response } = this
    if (!error && this.done && response.closed()) return void this.judge(response)
    this.finish(new DrainError('write', error?.message ?? 'the drain closed the connection before it answered'))
  }

  private judge({ status }: HttpResponse): void {
    const ok = status >= 200 && status < 300
    this.finish(ok ? undefined : new DrainError('answer', `Post responded with ${status} status code`))
  }

  /** One timer serves many requests: it is set again when it finds that it rang too early. */
  private arm(): void {
    const { clock, timeoutMs } = this.options
    this.deadline = clock.monotonic() + timeoutMs
    this.timer ??= clock.after(timeoutMs, this.rang)
  }

  private rang = (): void => {
    const { clock } = this.options
    this.timer = undefined
    const left = this.deadline - clock.monotonic()
    if (!this.done || this.waitsForConnection) return
    if (left > 0) this.timer = clock.after(left, this.rang)
    else this.timedOut()
  }

  private timedOut(): void {
    this.connection.close()
    this.finish(new DrainError('answer', `the drain did not answer within ${this.options.timeoutMs / 1000} s`))
  }

  private finish(error: DrainError | undefined): void {
    const { done } = this
    this.done = undefined
    this.unsent = false
    this.turn++
    if (error?.step === 'write') this.connection.close()
    done?.(error)
  }
}

/** Messages from the cursor on, as many as fit 64 KiB and one at least; undefined behind the last. */
function nextSlice({ pieces }: Flight, cursor: { piece: number; pos: number }): Buffer | undefined {
  let out = Buffer.allocUnsafeSlow(sliceBytes)
  let end = 0
  for (let piece = pieces[cursor.piece]; piece; piece = pieces[cursor.piece]) {
    const next = cursor.pos < piece.to ? readFrame(piece.chunk.bytes, cursor.pos, piece.to) : -1
    if (next < 0) {
      cursor.piece++
      cursor.pos = pieces[cursor.piece]?.from ?? 0
      continue
    }
    const size = frame.end - frame.start
    if (end + size > out.length) {
      if (end > 0) break
      out = Buffer.allocUnsafeSlow(size)
    }
    end += piece.chunk.bytes.copy(out, end, frame.start, frame.end)
    cursor.pos = next
  }
  return end > 0 ? out.subarray(0, end) : undefined
}

/** Everything in front of the number of bytes. Names and order as the original's client writes them. */
function requestHead({ host, port, target, authorization }: DrainUrl): string {
  const name = port === 443 ? formatAddress({ host, port }).replace(/:443$/, '') : formatAddress({ host, port })
  const login = authorization ? `Authorization: ${authorization}\r\n` : ''
  return `POST ${target} HTTP/1.1\r\nHost: ${name}\r\nUser-Agent: fasthttp\r\nContent-Type: text/plain\r\n${login}Content-Length: `
}
