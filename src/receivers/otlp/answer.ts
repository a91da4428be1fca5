import type { ServerResponse } from 'node:http'
import { BackwardWriter } from '../../wire/protobuf.ts'
import type { HttpFault } from './http-fault.ts'

/** The two encodings of OTLP/HTTP, by their content type. */
export const protobuf = 'application/x-protobuf'
export const json = 'application/json'
export type Encoding = typeof protobuf | typeof json

/** `application/json; charset=utf-8` in any letter case is `application/json`; undefined for every other type. */
export function encodingOf(contentType: string | undefined): Encoding | undefined {
  const type = (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase()
  return type === protobuf || type === json ? type : undefined
}

/** An export response with an empty partial_success, as from the Collector. */
const successes: Record<Encoding, Buffer> = {
  [protobuf]: Buffer.from('0a00', 'hex'),
  [json]: Buffer.from('{"partialSuccess":{}}'),
}

export const answerTaken = (response: ServerResponse, encoding: Encoding): void =>
  answer(response, 200, encoding, successes[encoding])

export const answerText = (response: ServerResponse, status: number, text: string): void =>
  answer(response, status, 'text/plain', Buffer.from(text))

/** A google.rpc.Status in the encoding of the request; JSON where that is not known. */
export function answerFault(response: ServerResponse, fault: HttpFault, encoding: Encoding | undefined): void {
  if (fault.retryAfter !== undefined) response.setHeader('retry-after', String(fault.retryAfter))
  if (encoding === protobuf) answer(response, fault.status, protobuf, fault.details ?? statusBytes(fault))
  else answer(response, fault.status, json, Buffer.from(JSON.stringify({ code: fault.code, message: fault.message })))
}

/** google.rpc.Status { code = 1, message = 2 }. */
function statusBytes({ code, message }: HttpFault): Buffer {
  const writer = new BackwardWriter(64 + message.length * 3)
  if (message) writer.textField(2, message)
  writer.varint(code)
  writer.tag(1, 0)
  return writer.take()
}

function answer(response: ServerResponse, status: number, type: string, body: Buffer): void {
  if (response.destroyed || response.headersSent) return
  response.writeHead(status, { 'content-type': type, 'content-length': body.length })
  response.end(body)
}
