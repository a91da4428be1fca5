import { createSocket } from 'node:dgram'
import { onTestFinished } from 'vitest'
import { frameMessage } from '../../src/net/frames.ts'
import { type ClientStream, type GrpcClient, newGrpcClient } from '../../src/net/grpc-client.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { certificate, clientTlsOf } from './certificates.ts'
import { encodeEnvelopeBatch, type Message } from './decode.ts'
import { ingressPaths } from './sinks.ts'

/** A client of a v2 ingress, closed at the end of the test. */
export interface IngressClient {
  readonly grpc: GrpcClient
  /** Opens a `BatchSender` stream. */
  stream(): ClientStream
  /** Sends envelopes on this stream; resolves when the bytes are on their way. */
  write(stream: ClientStream, envelopes: readonly Message[] | Buffer): Promise<void>
  /** One unary `Send`: answered when the agent has taken it. */
  send(envelopes: readonly Message[] | Buffer): Promise<void>
}

export function ingressClient(address: string, options: { name?: string; plaintext?: boolean } = {}): IngressClient {
  const tls = options.plaintext ? undefined : clientTlsOf(certificate(options.name ?? 'client'))
  const grpc = newGrpcClient({ address, tls, serverName: 'metron', log: silentLog })
  onTestFinished(() => grpc.close())
  const bytesOf = (envelopes: readonly Message[] | Buffer) =>
    Buffer.isBuffer(envelopes) ? envelopes : encodeEnvelopeBatch(envelopes)
  return {
    grpc,
    stream: () => grpc.clientStream(ingressPaths.batchSender),
    write: (stream, envelopes) =>
      new Promise((resolve, reject) =>
        stream.write(frameMessage(bytesOf(envelopes)), (error) => (error ? reject(error) : resolve())),
      ),
    async send(envelopes) {
      await grpc.unary(ingressPaths.send, bytesOf(envelopes), { timeoutMs: 60_000, waitForReady: true })
    },
  }
}

/** Sends each datagram to `address`; resolves when the kernel has them. */
export async function sendDatagrams(address: string, packets: readonly (Buffer | string)[]): Promise<void> {
  const [host, port] = address.split(':')
  const socket = createSocket('udp4')
  for (const packet of packets) {
    await new Promise<void>((resolve, reject) =>
      socket.send(packet, Number(port), host, (error) => (error ? reject(error) : resolve())),
    )
  }
  await new Promise<void>((resolve) => socket.close(() => resolve()))
}

/** A log envelope. */
export const log = (text: string, more: Message = {}): Message => ({
  timestamp: 1n,
  source_id: 'app',
  instance_id: '0',
  log: { payload: text },
  ...more,
})

/** A counter envelope. */
export const counter = (name: string, values: { delta?: bigint; total?: bigint }, more: Message = {}): Message => ({
  timestamp: 1n,
  source_id: 'app',
  counter: { name, ...values },
  ...more,
})

/** The payload of a log envelope as text. */
export const textOf = (envelope: Message): string | undefined => envelope.log?.payload?.toString()
