import { createHash } from 'node:crypto'
import { type RequestOptions, request } from 'node:https'
import { type Binding, decodeBindings } from '../../drains/bindings.ts'
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

export function newBindingsClient(options: BindingsClientOptions): BindingsClient {
  const last = new Map<string, string>()
  const get = async (path: string): Promise<Binding[] | undefined> => {
    const body = await fetchBody(options, path)
    const digest = createHash('sha256').update(body).digest('base64')
    if (last.get(path) === digest) return undefined
    const list = decodeBindings(body.toString())
    last.set(path, digest)
    return list
  }
  return { bindings: () => get('/v2/bindings'), aggregate: () => get('/v2/aggregate') }
}

function fetchBody({ url, tls, serverName, timeoutMs, clock }: BindingsClientOptions, path: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settings: RequestOptions = {
      ...tls.options(),
      rejectUnauthorized: !tls.insecureSkipVerify,
      ...(serverName && { servername: serverName }),
      agent: false,
    }
    const sent = request(`${url.replace(/\/+$/, '')}${path}`, settings)
    const fail = (message: string, cause?: unknown) => {
      timer.cancel()
      sent.destroy()
      reject(new Error(message, { cause }))
    }
    const timer = clock.after(timeoutMs, () => fail(`the binding cache did not answer within ${timeoutMs / 1000} s`))
    sent.on('error', (error) => fail(error.message, error))
    sent.on('response', (response) => {
      if (response.statusCode !== 200)
        return fail(`unexpected http response from binding cache: ${response.statusCode}`)
      const parts: Buffer[] = []
      let size = 0
      response.on('data', (part: Buffer) => {
        size += part.length
        if (size > maxAnswerBytes) fail(`the answer of the binding cache is longer than ${maxAnswerBytes} bytes`)
        else parts.push(part)
      })
      response.on('error', (error) => fail(error.message, error))
      response.on('end', () => {
        timer.cancel()
        if (response.complete) resolve(Buffer.concat(parts))
        else fail('the answer of the binding cache was cut off')
      })
    })
    sent.end()
  })
}
