import { promisify } from 'node:util'
import { gunzip, gunzipSync, inflate, inflateSync, zstdDecompress, zstdDecompressSync } from 'node:zlib'
import { HttpFault } from './http-fault.ts'

const known = {
  gzip: { sync: gunzipSync, pooled: promisify(gunzip), broken: 'gzip: invalid header' },
  zstd: {
    sync: zstdDecompressSync,
    pooled: promisify(zstdDecompress),
    broken: 'invalid input: magic number mismatch',
  },
  zlib: { sync: inflateSync, pooled: promisify(inflate), broken: 'zlib: invalid header' },
  // RFC 9110, 8.4.1.2: deflate is the zlib format.
  deflate: { sync: inflateSync, pooled: promisify(inflate), broken: 'zlib: invalid header' },
}

/** Smaller bodies are undone here and now: the way through the thread pool alone takes 0.3 ms. */
const pooledFrom = 256 << 10

export type Decompress = (body: Buffer) => Buffer | Promise<Buffer>

/** What undoes a Content-Encoding; `undefined` for none. Throws HttpFault for one that is not among `allowed`. */
export function decompressor(
  encoding: string | undefined,
  allowed: readonly string[],
  maxBytes: number,
): Decompress | undefined {
  const name = (encoding ?? '').trim().toLowerCase()
  if (name === '' || name === 'identity') return undefined
  const way = allowed.includes(name) && Object.hasOwn(known, name) ? known[name as keyof typeof known] : undefined
  if (!way) throw new HttpFault(400, `unsupported Content-Encoding: ${encoding}`)
  const limit = { maxOutputLength: Math.max(1, maxBytes) }
  return (body) => {
    try {
      if (body.length < pooledFrom) return way.sync(body, limit)
    } catch (error) {
      throw broken(error, way.broken)
    }
    return way.pooled(body, limit).catch((error) => Promise.reject(broken(error, way.broken)))
  }
}

export const tooLarge = () => new HttpFault(400, 'http: request body too large')

function broken(error: unknown, header: string): HttpFault {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ERR_BUFFER_TOO_LARGE') return tooLarge()
  if (code === 'Z_BUF_ERROR' || /unexpected end/.test(message)) return new HttpFault(400, 'unexpected EOF')
  if (/header|prefix|magic|unknown frame/i.test(`${code} ${message}`)) return new HttpFault(400, header)
  return new HttpFault(400, `${header.split(':')[0]}: ${message}`)
}
