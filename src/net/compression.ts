import {
  constants,
  deflate,
  deflateSync,
  gzip,
  gzipSync,
  type ZlibOptions,
  zstdCompress,
  zstdCompressSync,
} from 'node:zlib'

/** Encodings of HTTP and gRPC bodies that Node can write. `zlib` is another name of HTTP's `deflate`. */
export const encodings = ['gzip', 'zstd', 'deflate', 'zlib'] as const
export type Encoding = (typeof encodings)[number]

export interface Compressor {
  /** As headers name it. */
  readonly encoding: Encoding
  /** At once where that is cheaper than a trip through the thread pool; large inputs go there, so that nobody waits. */
  compress(bytes: Uint8Array): Buffer | Promise<Buffer>
}

/**
 * Larger inputs are compressed in the thread pool. 36 kB cost 90 µs here and 400 there; 512 KiB are 1.5 ms, which is as
 * long as everybody else may have to wait.
 */
const mostInline = 512 * 1024

/**
 * The default levels are the quick ones. 37 kB of log records: gzip 3 makes 3.6 kB in 100 µs, 1 makes 5.9 in the same time,
 * and 6, which others take, 3.1 in 300; zstd 1 makes 3.6 in 70. A context that is used again would save 15 µs, but Node
 * offers none. `level` is in the scale of the encoding.
 */
export function newCompressor(encoding: Encoding, level?: number): Compressor {
  const { now, later } = encoding === 'zstd' ? zstd(level) : deflating(encoding, level)
  return {
    encoding,
    compress: (bytes) => (bytes.length <= mostInline ? now(bytes) : later(bytes)),
  }
}

interface Ways {
  now(bytes: Uint8Array): Buffer
  later(bytes: Uint8Array): Promise<Buffer>
}

type Callback = (error: Error | null, result: Buffer) => void

function deflating(encoding: Encoding, level = 3): Ways {
  const [sync, async] = encoding === 'gzip' ? [gzipSync, gzip] : [deflateSync, deflate]
  // One chunk holds most results, and is no more than they need: fresh memory costs as much as putting two together.
  const options = ({ length }: Uint8Array): ZlibOptions => ({
    level,
    chunkSize: Math.min(65_536, Math.max(1024, (length >> 1) + 64)),
  })
  return {
    now: (bytes) => sync(bytes, options(bytes)),
    later: (bytes) => promised((done) => async(bytes, options(bytes), done)),
  }
}

function zstd(level = 1): Ways {
  const options = { params: { [constants.ZSTD_c_compressionLevel]: level } }
  return {
    now: (bytes) => zstdCompressSync(bytes, options),
    later: (bytes) => promised((done) => zstdCompress(bytes, options, done)),
  }
}

const promised = (start: (done: Callback) => void): Promise<Buffer> =>
  new Promise((resolve, reject) => start((error, result) => (error ? reject(error) : resolve(result))))
