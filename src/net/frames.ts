import { gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import { largestMessage, type Memory } from './memory.ts'
import { GrpcCode, GrpcError } from './status.ts'

/** Bytes in front of every gRPC message: a flag (1: compressed) and the length, big endian. */
export const PREFIX_BYTES = 5

/** The default receive limit of grpc-go and grpc-js. */
export const DEFAULT_MAX_MESSAGE_BYTES = 4 * 1024 * 1024

/** One buffer ready for a stream: prefix and body. Several parts become one message, in order. */
export function frameMessage(parts: Uint8Array | readonly Uint8Array[]): Buffer {
  const list = parts instanceof Uint8Array ? [parts] : parts
  let size = 0
  for (const part of list) size += part.length
  const framed = Buffer.allocUnsafeSlow(PREFIX_BYTES + size)
  framed[0] = 0
  framed.writeUInt32BE(size, 1)
  let at = PREFIX_BYTES
  for (const part of list) {
    framed.set(part, at)
    at += part.length
  }
  return framed
}

/** The framed empty message: the reply of calls that answer nothing. */
export const emptyFrame: Buffer = frameMessage([])

/** Called with one message, `bytes[start, end)`. The bytes are on loan: they may be overwritten after the call. */
export type MessageListener = (bytes: Buffer, start: number, end: number) => void

export interface FrameReaderOptions {
  /** Longest message, before and after decompression. */
  maxBytes: number
  /** `gzip` when the headers announced it; a flagged message without it is an error. Headers that come later: `announce`. */
  encoding?: string | undefined
  onMessage: MessageListener
  /** Told how many bytes more (or fewer) this reader holds while it assembles a message. */
  onHeld?: ((change: number) => void) | undefined
  /** Charged with what it holds; a message that does not fit is an error UNAVAILABLE that says when to come again. */
  memory?: Memory | undefined
  /** Whoever sends may repeat it: a message that memory has no room for is refused before it is read. */
  refuses?: boolean | undefined
  /** Told of a message that was refused for want of memory. */
  onRefused?: (() => void) | undefined
}

// Clients of OTLP drop what is refused as RESOURCE_EXHAUSTED without a delay.
const noMemory = (bytes: number) =>
  new GrpcError(GrpcCode.unavailable, `no memory left to take a message of ${bytes} bytes`, { retryDelayMs: 1000 })

const SLAB_BYTES = 64 * 1024
const MAX_FREE_SLABS = 16
/** Of a message that this much has come of, no more may ever come. */
const BEGUN_BYTES = 1024
/** Slabs between two uses, shared by all streams: an idle stream holds no memory. */
const freeSlabs: Buffer[] = []

/**
 * Cuts gRPC messages out of the chunks of one stream. A message inside one chunk is handed on without a copy; others are
 * assembled in a slab (up to 64 kB) or in a buffer that grows with what has arrived, so that a prefix alone reserves nothing.
 */
export class FrameReader {
  readonly #options: FrameReaderOptions
  readonly #prefix = Buffer.alloc(PREFIX_BYTES)
  #prefixBytes = 0
  #body: Buffer | undefined
  #have = 0
  #need = 0
  #rest: Buffer | undefined
  #paused = false
  #running = false
  #closed = false

  #encoding: string | undefined

  constructor(options: FrameReaderOptions) {
    this.#options = options
    this.#encoding = options.encoding
  }

  /** The `grpc-encoding` of headers that came after the reader was made. */
  announce(encoding: string | undefined): void {
    this.#encoding = encoding
  }

  /** False between messages; true when a stream that ends now ends inside one. */
  get partial(): boolean {
    return this.#prefixBytes > 0
  }

  /** True while `pause` holds back bytes that were already pushed. */
  get waiting(): boolean {
    return this.#rest !== undefined
  }

  /** True from `pause` to `resume`. */
  get paused(): boolean {
    return this.#paused
  }

  /** Takes the next chunk of the stream. Throws GrpcError: RESOURCE_EXHAUSTED, UNAVAILABLE, INTERNAL, UNIMPLEMENTED; then the stream is lost. */
  push(chunk: Buffer): void {
    this.#rest = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk
    if (!this.#running) this.#run()
  }

  /** Holds back further messages, also those of the chunk being read. */
  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    if (!this.#running) this.#run()
  }

  /** Gives back what it holds and stays silent from then on. */
  close(): void {
    this.#closed = true
    this.#rest = undefined
    this.#release()
  }

  #run(): void {
    this.#running = true
    try {
      while (this.#rest && !this.#paused && !this.#closed) {
        const chunk = this.#rest
        const at = this.#read(chunk)
        this.#rest = at < chunk.length && !this.#closed ? chunk.subarray(at) : undefined
      }
    } catch (error) {
      this.close()
      throw error
    } finally {
      this.#running = false
    }
  }

  /** Reads until the chunk ends or somebody pauses; returns how far it came. */
  #read(chunk: Buffer): number {
    let at = 0
    while (at < chunk.length && !this.#paused && !this.#closed) {
      if (this.#prefixBytes < PREFIX_BYTES) {
        at = this.#readPrefix(chunk, at)
        if (this.#prefixBytes < PREFIX_BYTES) break
        if (this.#need > 0 && at === chunk.length) break
      }
      if (this.#have === 0 && chunk.length - at >= this.#need) {
        const start = at
        at += this.#need
        this.#deliver(chunk, start, at)
      } else at = this.#assemble(chunk, at)
    }
    return at
  }

  #readPrefix(chunk: Buffer, from: number): number {
    const prefix = this.#prefix
    let at = from
    while (at < chunk.length && this.#prefixBytes < PREFIX_BYTES) prefix[this.#prefixBytes++] = chunk[at++]!
    if (this.#prefixBytes === PREFIX_BYTES) {
      this.#need = prefix[1]! * 0x1000000 + ((prefix[2]! << 16) | (prefix[3]! << 8) | prefix[4]!)
      this.#check(prefix[0]!)
      // An empty message at the very end of a chunk has no byte left to drive the loop.
      if (this.#need === 0 && at === chunk.length) this.#deliver(chunk, at, at)
    }
    return at
  }

  #check(flag: number): void {
    const { maxBytes, memory, refuses } = this.#options
    if (this.#need > maxBytes) throw tooLarge(this.#need, maxBytes)
    if (refuses && memory && this.#need > largestMessage(memory)) throw this.#refused()
    if (flag > 1) throw new GrpcError(GrpcCode.internal, `grpc: received unexpected payload format ${flag}`)
    if (flag === 1 && (this.#encoding ?? 'identity') === 'identity')
      throw new GrpcError(GrpcCode.internal, 'grpc: compressed flag set with identity or empty encoding')
  }

  #assemble(chunk: Buffer, from: number): number {
    const bytes = Math.min(this.#need - this.#have, chunk.length - from)
    const body = this.#room(this.#have + bytes)
    chunk.copy(body, this.#have, from, from + bytes)
    this.#have += bytes
    if (this.#have === this.#need) {
      this.#deliver(body, 0, this.#need)
      this.#release()
    }
    return from + bytes
  }

  /** A body with room for `bytes`: exact once twice of what arrived covers the message. */
  #room(bytes: number): Buffer {
    const old = this.#body
    if (old && old.length >= bytes) return old
    const begun = bytes <= BEGUN_BYTES
    const small = !begun && this.#need <= SLAB_BYTES
    const usual = small ? SLAB_BYTES : Math.min(this.#need, Math.max(bytes * 2, 4 * SLAB_BYTES))
    const size = begun ? Math.min(this.#need, 4 * BEGUN_BYTES) : usual
    const { memory, onHeld } = this.#options
    if (memory && !memory.fits(size)) throw this.#refused()
    const next = small ? (freeSlabs.pop() ?? Buffer.allocUnsafeSlow(size)) : Buffer.allocUnsafeSlow(size)
    old?.copy(next, 0, 0, this.#have)
    memory?.take(size)
    if (old) memory?.give(old.length)
    onHeld?.(size - (old?.length ?? 0))
    this.#body = next
    return next
  }

  #refused(): GrpcError {
    this.#options.onRefused?.()
    return noMemory(this.#need)
  }

  #release(): void {
    const body = this.#body
    if (!body) return
    this.#body = undefined
    this.#have = 0
    this.#options.memory?.give(body.length)
    this.#options.onHeld?.(-body.length)
    if (body.length === SLAB_BYTES && freeSlabs.length < MAX_FREE_SLABS) freeSlabs.push(body)
  }

  #deliver(bytes: Buffer, start: number, end: number): void {
    const compressed = this.#prefix[0] === 1
    this.#prefixBytes = 0
    this.#have = 0
    if (!compressed) this.#options.onMessage(bytes, start, end)
    else {
      const plain = this.#decompressed(bytes.subarray(start, end))
      const { memory } = this.#options
      memory?.take(plain.length)
      try {
        this.#options.onMessage(plain, 0, plain.length)
      } finally {
        memory?.give(plain.length)
      }
    }
  }

  /** No larger than what there is room for: what a few bytes expand to is known only afterwards. */
  #decompressed(bytes: Buffer): Buffer {
    const { maxBytes, memory } = this.#options
    const most = memory ? Math.min(maxBytes, largestMessage(memory)) : maxBytes
    const plain = decompress(bytes, this.#encoding, most)
    if (plain) return plain
    throw most < maxBytes ? this.#refused() : tooLargePlain(maxBytes)
  }
}

const decompressors = { gzip: gunzipSync, zstd: zstdDecompressSync, deflate: inflateSync }

/** Encodings that messages may come in, as `grpc-accept-encoding` names them. */
export const readableEncodings: readonly string[] = Object.keys(decompressors)

/** Undefined: it has more than `most` bytes. */
function decompress(bytes: Buffer, encoding: string | undefined, most: number): Buffer | undefined {
  if (!readableEncodings.includes(encoding ?? '')) throw noDecompressor(encoding ?? '')
  try {
    return decompressors[encoding as keyof typeof decompressors](bytes, { maxOutputLength: Math.max(1, most) })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined
    throw new GrpcError(GrpcCode.internal, `grpc: failed to decompress the received message: ${String(error)}`)
  }
}

/** What Go peers answer, and read, for an encoding that is not there. */
export const noDecompressor = (encoding: string): GrpcError =>
  new GrpcError(
    GrpcCode.unimplemented,
    `grpc: Decompressor is not installed for grpc-encoding ${JSON.stringify(encoding)}`,
  )

const tooLargePlain = (maxBytes: number) =>
  new GrpcError(GrpcCode.resourceExhausted, `grpc: received message after decompression larger than max ${maxBytes}`)

const tooLarge = (bytes: number, maxBytes: number) =>
  new GrpcError(GrpcCode.resourceExhausted, `grpc: received message larger than max (${bytes} vs. ${maxBytes})`)
