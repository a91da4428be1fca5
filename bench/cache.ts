import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { encodeBindings } from '../src/drains/bindings.ts'

/** A binding cache that answers the same all the time. */
export interface Cache {
  readonly url: string
  stop(): void
}

/** Serves drain URLs, each with the application that is bound to it. `certs` has `binding-cache.crt` and its key. */
export async function startCache(drains: readonly [url: string, app: string][], certs: string): Promise<Cache> {
  const bindings = encodeBindings(
    drains.map(([url, app]) => ({
      url,
      credentials: [{ cert: '', key: '', ca: '', apps: [{ hostname: 'acme.prod.shop', app_id: app }] }],
    })),
  )
  const none = encodeBindings(null)
  const pem = {
    cert: readFileSync(join(certs, 'binding-cache.crt')),
    key: readFileSync(join(certs, 'binding-cache.key')),
  }
  const server = createServer(pem, ({ url }, response) => void response.end(url === '/v2/bindings' ? bindings : none))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop() {
      server.close()
      server.closeAllConnections()
    },
  }
}
