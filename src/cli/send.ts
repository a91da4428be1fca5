import { join } from 'node:path'
import { newGrpcClient } from '../net/grpc-client.ts'
import type { GrpcError } from '../net/status.ts'
import { clientTls } from '../net/tls.ts'
import { newLog } from '../runtime/log.ts'
import { type EnvelopeMessage, writeEnvelopes } from '../wire/write-envelope.ts'
import { ExitCode } from './exit-codes.ts'

export interface SendFlags {
  to: string
  certs?: string
  ca?: string
  cert?: string
  key?: string
  serverName: string
  sourceId: string
  instanceId: string
  tag: string[]
  stderr?: boolean
}

/** Sends one envelope by `Ingress.Send` and waits for the answer. */
export async function send(kind: string, args: readonly string[], flags: SendFlags): Promise<number> {
  const message = envelopeMessage(kind, args, flags)
  if (typeof message === 'string') {
    process.stderr.write(`tailrace: ${message}\n`)
    return ExitCode.usage
  }
  const head = {
    timestamp: BigInt(Date.now()) * 1_000_000n,
    sourceId: flags.sourceId,
    instanceId: flags.instanceId,
    tags: tagsOf(flags.tag),
  }
  try {
    await deliver(flags, writeEnvelopes([{ head, message }]))
  } catch (error) {
    process.stderr.write(`tailrace: could not send to ${flags.to}: ${(error as GrpcError).message}\n`)
    return ExitCode.failed
  }
  process.stdout.write(`sent 1 ${kind} from ${flags.sourceId} to ${flags.to}\n`)
  return ExitCode.ok
}

/** Throws when the TLS files cannot be used, or when nobody takes it. */
async function deliver(flags: SendFlags, bytes: Buffer): Promise<void> {
  const log = newLog({ level: 'error' })
  const client = newGrpcClient({ address: flags.to, tls: tlsOf(flags), serverName: flags.serverName, log })
  try {
    await client.unary('/loggregator.v2.Ingress/Send', bytes, { timeoutMs: 5000 })
  } finally {
    await client.close()
  }
}

/** The envelope that the words of the command line ask for, or what is wrong with them. */
export function envelopeMessage(
  kind: string,
  args: readonly string[],
  flags: { stderr?: boolean },
): EnvelopeMessage | string {
  const [first = '', second, third = ''] = args
  if (kind === 'log') return { log: { payload: first, stderr: flags.stderr ?? false } }
  if (kind === 'event') return { event: { title: first, body: second ?? '' } }
  if (kind === 'counter') {
    if (second !== undefined && !/^\d+$/.test(second))
      return `the delta of a counter is a whole number, not "${second}"`
    return { counter: { name: first, delta: BigInt(second ?? '1') } }
  }
  const value = Number(second)
  if (second === undefined || second.trim() === '' || Number.isNaN(value))
    return `expected a number, got "${second ?? ''}"`
  if (kind === 'gauge') return { gauge: { [first]: { unit: third, value } } }
  const stop = BigInt(Date.now()) * 1_000_000n
  return { timer: { name: first, start: stop - BigInt(Math.round(value * 1e6)), stop } }
}

function tagsOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
}

function tlsOf({ certs, ca, cert, key }: SendFlags) {
  if (!certs && !ca) return undefined
  const from = (name: string) => (certs ? join(certs, name) : undefined)
  return clientTls(
    { ca: ca ?? from('ca.crt'), cert: cert ?? from('client.crt'), key: key ?? from('client.key') },
    { reloadMs: 0 },
  )
}
