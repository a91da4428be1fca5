import { arch, platform } from 'node:process'
import type { Sender, SendResult } from '../../delivery/sender.ts'
import { withinSize } from '../../delivery/within-size.ts'
import type { Compressor } from '../../net/compression.ts'
import { type HttpClient, HttpFailure, type HttpReply } from '../../net/http-client.ts'
import type { LogSeries } from '../../net/log-series.ts'
import { charged, type Memory } from '../../net/memory.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Batch } from '../../telemetry/batch.ts'
import { encodeOtlpJson } from '../../wire/otlp/json-encode.ts'
import { readPartialSuccess, readPartialSuccessJson, resultOf } from '../otlp-answers.ts'
import type { Signal } from '../otlp-signals.ts'
import { mediaType, outcomeOf, outcomeOfFailure } from './outcome.ts'

export interface OtlpHttpSenderOptions {
  client: HttpClient
  signal: Signal
  url: URL
  encoding: 'proto' | 'json'
  /** Headers of the next request. */
  headers(): Readonly<Record<string, string>>
  /** Undefined: requests go as they are. */
  compressor: Compressor | undefined
  /** What compressed copies and JSON are charged to. */
  memory: Memory
  /** Largest request in bytes, in protobuf and before compression. */
  maxRequestBytes: number
  series: LogSeries
  clock: Clock
  close(): void
}

const contentType = { proto: 'application/x-protobuf', json: 'application/json' }

/** Sends one signal to one URL by POST. */
export function newOtlpHttpSender(options: OtlpHttpSenderOptions): Sender {
  const { client, signal, url, encoding, compressor, memory, series, clock } = options
  const path = `${url.pathname}${url.search}`
  const shown = `${url.origin}${url.pathname}`
  const isCopied = encoding === 'json' || compressor !== undefined
  const fixed = {
    'content-type': contentType[encoding],
    ...(compressor && { 'content-encoding': compressor.encoding === 'zlib' ? 'deflate' : compressor.encoding }),
  }
  const bodyOf = (batch: Batch): Buffer | Promise<Buffer> => {
    const bytes = encoding === 'json' ? encodeOtlpJson(signal, batch.bytes()) : batch.bytes()
    return compressor ? compressor.compress(bytes) : bytes
  }
  const exportOne = async (batch: Batch, abort: AbortSignal): Promise<SendResult> => {
    const made = bodyOf(batch)
    const body = made instanceof Promise ? await made : made
    const copied = isCopied ? body.length : 0
    const headers = { 'user-agent': userAgent, ...options.headers(), ...fixed }
    let reply: HttpReply
    try {
      reply = await charged(memory, copied, () => client.post(path, body, headers, abort))
    } catch (error) {
      throw error instanceof HttpFailure ? outcomeOfFailure(error) : error
    }
    if (reply.status < 200 || reply.status > 299) throw outcomeOf(shown, reply, clock.now())
    return resultOf(partialSuccess(reply), batch.count, series)
  }
  return { send: withinSize(options.maxRequestBytes, exportOne), close: options.close }
}

const userAgent = `tailrace (${platform}/${arch})`

function partialSuccess({ headers, body }: HttpReply) {
  const type = mediaType(headers['content-type'])
  if (type === contentType.json) return readPartialSuccessJson(body)
  return readPartialSuccess(type === contentType.proto ? body : nothing)
}

const nothing = Buffer.alloc(0)
