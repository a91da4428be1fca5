import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type IssueOptions, issue, type KeyPair, newAuthority } from '../runtime/certs.ts'
import { silentLog } from '../runtime/log.ts'
import { type GrpcClient, type GrpcClientOptions, newGrpcClient } from './grpc-client.ts'
import { type GrpcServer, type GrpcServerOptions, newGrpcServer } from './grpc-server.ts'

/** Shared by the tests of this folder: one authority per test file, certificates on disk, servers that stop by themselves. */

export interface Vault {
  readonly dir: string
  readonly authority: KeyPair
  /** Issues and writes a certificate; the files of one name can be written again. */
  files(name: string, options?: Partial<IssueOptions>, authority?: KeyPair): { ca: string; cert: string; key: string }
}

export function newVault(): Vault {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-net-'))
  const authority = newAuthority({ commonName: 'test CA' })
  return {
    dir,
    authority,
    files(name, options = {}, signer = authority) {
      const pair = issue(signer, { commonName: 'metron', names: ['metron'], ips: ['127.0.0.1'], ...options })
      return writeFiles(dir, name, pair, authority)
    },
  }
}

function writeFiles(
  dir: string,
  name: string,
  pair: KeyPair,
  authority: KeyPair,
): { ca: string; cert: string; key: string } {
  const at = (part: string) => join(dir, `${name}.${part}`)
  writeFileSync(at('ca.pem'), authority.cert)
  writeFileSync(at('cert.pem'), pair.cert)
  writeFileSync(at('key.pem'), pair.key)
  return { ca: at('ca.pem'), cert: at('cert.pem'), key: at('key.pem') }
}

export interface Pair {
  server: GrpcServer
  client: GrpcClient
  port: number
  stop(): Promise<void>
}

/** A running server and a client that points at it. */
export async function newPair(
  server: Pick<GrpcServerOptions, 'methods'> & Partial<GrpcServerOptions>,
  client: Partial<GrpcClientOptions> = {},
): Promise<Pair> {
  const listening = newGrpcServer({ endpoint: { host: '127.0.0.1', port: 0 }, log: silentLog, ...server })
  const { port } = await listening.start()
  const caller = newGrpcClient({ address: `127.0.0.1:${port}`, log: silentLog, ...client })
  return {
    server: listening,
    client: caller,
    port,
    stop: async () => {
      await caller.close()
      await listening.stop(AbortSignal.abort())
    },
  }
}

/** Resolves when `ask` says yes; asks again with every turn of the event loop, so that no time is guessed. */
export async function until(ask: () => boolean): Promise<void> {
  while (!ask()) await new Promise((resolve) => setTimeout(resolve, 1))
}

/** Resolves when the number has stayed the same for 50 turns: whatever was going to move has moved. */
export async function quiet(read: () => number): Promise<void> {
  let last = read()
  for (let same = 0; same < 50; same++) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    if (read() === last) continue
    last = read()
    same = 0
  }
}
