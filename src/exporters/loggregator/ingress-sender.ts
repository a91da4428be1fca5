import { Dropped, Retryable, type Sender, type SendResult, sent } from '../../delivery/sender.ts'
import type { ClientStream, GrpcClient } from '../../net/grpc-client.ts'
import type { GrpcError } from '../../net/status.ts'
import type { Clock, Log, LogSeries } from '../../plugin.ts'
import type { Batch } from '../../telemetry/batch.ts'
import { envelopeMessages } from './envelope-messages.ts'

/** Paths of the ingress service (loggregator-api, v2/ingress.proto). */
const paths = {
  batch_sender: '/loggregator.v2.Ingress/BatchSender',
  sender: '/loggregator.v2.Ingress/Sender',
}
export type Method = keyof typeof paths
export const methods = Object.keys(paths) as Method[]

export interface IngressSenderOptions {
  client: GrpcClient
  method: Method
  log: Log
  /** For what a peer may do again and again. */
  trouble: LogSeries
  clock: Clock
}

/** How long a peer may take to answer the end of the stream. */
const farewellMs = 1000

/**
 * One long-lived client stream to one destination. The peer never answers, so "sent" means that the bytes were handed
 * to the connection; one write is outstanding at a time. What the peer cannot have got is offered again, what was on
 * its way when the stream broke is lost and counted.
 */
export function newIngressSender({ client, method, log, trouble, clock }: IngressSenderOptions): Sender {
  let stream: ClientStream | undefined
  let wasOpen = false
  let failing = false

  const open = (): ClientStream => {
    const opened = client.clientStream(paths[method])
    wasOpen = false
    void opened.opened.then(() => {
      if (stream !== opened || client.state !== 'ready') return
      wasOpen = true
      failing = false
    })
    void opened.closed.then((error) => {
      if (stream !== opened) return
      stream = undefined
      // Nothing was being written just then: what the peer has not read is lost, and only this line tells.
      trouble.note('ended', `the peer ended the stream: ${error?.message ?? 'without an error'}`)
    })
    stream = opened
    return opened
  }
  const failed = (error: GrpcError, written: ClientStream): Error => {
    if (stream === written) stream = undefined
    if (!failing) log.warn(`Error while flushing: ${error.message}`)
    failing = true
    const mayHaveIt = wasOpen && !error.unsent
    return mayHaveIt ? new Dropped('connection', error.message) : new Retryable(error.message, { cause: error })
  }
  return {
    connect: () => client.connect(),
    send(batch: Batch, signal: AbortSignal): Promise<SendResult> {
      const current = stream ?? open()
      const message = method === 'sender' ? envelopeMessages(batch) : batch.grpcMessage()
      return new Promise((resolve, reject) => {
        // A write that took too long may have gone half way: it ends with its stream, or the repeat would double it.
        const giveUp = () => {
          if (stream === current) stream = undefined
          current.cancel()
          reject(new Dropped('connection', 'the peer did not take it in time'))
        }
        signal.addEventListener('abort', giveUp, { once: true })
        current.write(message, (error) => {
          signal.removeEventListener('abort', giveUp)
          if (error) reject(failed(error, current))
          else resolve(sent(batch.count))
        })
      })
    },
    async close() {
      const last = stream
      stream = undefined
      const timer = clock.after(farewellMs, () => last?.cancel())
      await last?.end()
      timer.cancel()
      trouble.close()
      await client.close()
    },
  }
}
