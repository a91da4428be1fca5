import { promisify } from 'node:util'
import { gunzip, gunzipSync, inflate, inflateSync, zstdDecompress, zstdDecompressSync } from 'node:zlib'
import { decodeSnappy, decodeSnappyFrames } from '../../wire/snappy-decode.ts'
import { HttpFault } from './http-fault.ts'

/** At once, or in the thread pool. Throws whatever it throws. */
interface Way {
  readonly now: (body: Buffer, maxBytes: number) => Buffer
  readonly later?: (body: Buffer, maxBytes: number) => Promise<Buffer>
  /** How large it says that it becomes: a hint, nothing more. */
  readonly says?: (body: Buffer) => number
  /** What to say of a body that does not even begin as it should. */
  readonly broken: string
}

type Native = (body: Buffer, options: { maxOutputLength: number }) => Buffer
type Pooled = (body: Buffer, options: { maxOutputLength: number; chunkSize: number }) => Promise<Buffer>
const native = (sync: Native, pooled: Pooled, broken: string): Way => ({
  now: (body, maxOutputLength) => sync(body, { maxOutputLength }),
  // In large steps: each is a way there and back.
  later: (body, maxOutputLength) => pooled(body, { maxOutputLength, chunkSize: 256 << 10 }),
  broken,
})
const snappy = (decode: typeof decodeSnappy): Way => ({
  now: (body, maxBytes) => {
    const plain = decode(body, maxBytes)
    if (typeof plain === 'number') throw tooLarge()
    if (!plain) throw new HttpFault(400, 'snappy: corrupt input')
    return plain
  },
  broken: 'snappy: corrupt input',
})

const zlib = native(inflateSync, promisify(inflate) as Pooled, 'zlib: invalid header')
const known: Record<string, Way> = {
  // RFC 1952, 2.3.1: ISIZE.
  gzip: {
    ...native(gunzipSync, promisify(gunzip) as Pooled, 'gzip: invalid header'),
    says: (body) => (body.length < 4 ? 0 : body.readUInt32LE(body.length - 4)),
  },
  zstd: native(zstdDecompressSync, promisify(zstdDecompress) as Pooled, 'invalid input: magic number mismatch'),
  zlib,
  // RFC 9110, 8.4.1.2: deflate is the zlib format.
  deflate: zlib,
  snappy: snappy(decodeSnappy),
  'x-snappy-framed': snappy(decodeSnappyFrames),
}

/**
 * Smaller bodies are undone here and now, if they do not become large: the way through the thread pool alone takes 0.3 ms,
 * and 20 MiB, which 20 kB may become, would keep everybody waiting for 10.
 */
const pooledFrom = 256 << 10
const largeBytes = 1 << 20

/** Undoes it; what becomes larger than `most` bytes throws or rejects with `tooLarge`. */
export type Decompress = (body: Buffer, most: number) => Buffer | Promise<Buffer>

/** What undoes a Content-Encoding; `undefined` for none. Throws HttpFault for one that is not among `allowed`. */
export function decompressor(encoding: string | undefined, allowed: readonly string[]): Decompress | undefined {
  const name = (encoding ?? '').trim().toLowerCase()
  if (name === '' || name === 'identity') return undefined
  const way = allowed.includes(name) && Object.hasOwn(known, name) ? known[name] : undefined
  if (!way) throw new HttpFault(400, `unsupported Content-Encoding: ${encoding}`)
  return (body, most) => {
    const limit = Math.max(1, most)
    const { now, later, says } = way
    const atOnce = later ? Math.min(limit, largeBytes) : limit
    try {
      const isSmall = body.length < pooledFrom && !(says && says(body) > largeBytes)
      if (!later || isSmall) return now(body, atOnce)
    } catch (error) {
      const fault = broken(error, way.broken)
      if (!later || atOnce === limit || !isTooLarge(fault)) throw fault
    }
    return later(body, limit).catch((error) => Promise.reject(broken(error, way.broken)))
  }
}

const tooLargeText = 'http: request body too large'

export const tooLarge = () => new HttpFault(400, tooLargeText)

export const isTooLarge = (error: unknown) => error instanceof HttpFault && error.message === tooLargeText

function broken(error: unknown, header: string): HttpFault {
  if (error instanceof HttpFault) return error
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ERR_BUFFER_TOO_LARGE') return tooLarge()
  if (code === 'Z_BUF_ERROR' || /unexpected end/.test(message)) return new HttpFault(400, 'unexpected EOF')
  if (/header|prefix|magic|unknown frame/i.test(`${code} ${message}`)) return new HttpFault(400, header)
  return new HttpFault(400, `${header.split(':')[0]}: ${message}`)
}
