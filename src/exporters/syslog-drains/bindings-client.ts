import { createHash } from 'node:crypto'
import { type Binding, decodeBindings } from '../../drains/bindings.ts'
import { newHttpGetter, TooLarge } from '../../net/http-get.ts'
import type { ClientTls } from '../../net/tls.ts'
import type { Clock } from '../../runtime/clock.ts'

/** A list of ten thousand drains with certificates has about 100 MB. */
const maxAnswerBytes = 256 << 20

export interface BindingsClientOptions {
  /** `https://cache.example:9000`. */
  url: string
  tls: ClientTls
  /** The name that the cache's certificate must carry; default: the host of the URL. */
  serverName: string | undefined
  /** For a whole answer. */
  timeoutMs: number
  clock: Clock
}

/** Asks the binding cache. Both reject with one sentence. */
export interface BindingsClient {
  /** The drains of applications; undefined when the answer is the one of last time. */
  bindings(): Promise<Binding[] | undefined>
  aggregate(): Promise<Binding[] | undefined>
}

export function newBindingsClient({ url, ...options }: BindingsClientOptions): BindingsClient {
  const http = newHttpGetter({ origin: url, keepAlive: false, ...options })
  const last = new Map<string, string>()
  const get = async (path: string): Promise<Binding[] | undefined> => {
    const { status, body } = await http.get(path, { maxBytes: maxAnswerBytes }).catch((error: Error) => {
      throw error instanceof TooLarge ? new Error(`the binding cache: ${error.message}`, { cause: error }) : error
    })
    if (status !== 200) throw new Error(`unexpected http response from binding cache: ${status}`)
    const digest = createHash('sha256').update(body).digest('base64')
    if (last.get(path) === digest) return undefined
    const list = decodeBindings(body.toString())
    last.set(path, digest)
    return list
  }
  return { bindings: () => get('/v2/bindings'), aggregate: () => get('/v2/aggregate') }
}
