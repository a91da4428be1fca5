import type { IncomingMessage } from 'node:http'
import { BadQuery } from './query.ts'

/** Bytes of a request. */
const mostBytes = 65_536

/** The JSON object a request brings; an empty one when it brings nothing. */
export async function readBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length
    if (size > mostBytes) throw new BadQuery(`a request has ${mostBytes} bytes at most`)
    parts.push(part)
  }
  if (size === 0) return {}
  // A page of another site can send forms, but no JSON.
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? ''))
    throw new BadQuery('a body is application/json')
  const value = parsed(Buffer.concat(parts).toString())
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new BadQuery('a body is a JSON object')
  return value as Readonly<Record<string, unknown>>
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new BadQuery('the body is no JSON')
  }
}
