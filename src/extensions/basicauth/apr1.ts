import { createHash } from 'node:crypto'
import { cryptText, inTurns } from './crypt-text.ts'

const md5 = (...parts: (Buffer | string)[]) => {
  const hash = createHash('md5')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** Which bytes of the digest stand together in the text. */
const triples = [
  [0, 6, 12],
  [1, 7, 13],
  [2, 8, 14],
  [3, 9, 15],
  [4, 10, 5],
] as const

/**
 * The 22 characters that Apache's MD5 (`$apr1$`) or the older crypt of BSD (`$1$`) makes of a password
 * (httpd.apache.org, "Password Formats"). A thousand rounds, about 2 ms in all: slow for whoever tries many.
 */
export async function apr1(password: string, salt: string, magic: string): Promise<string> {
  const secret = Buffer.from(password)
  const inner = md5(secret, salt, secret)
  const begin: Buffer[] = [secret, Buffer.from(magic + salt)]
  for (let left = secret.length; left > 0; left -= 16) begin.push(inner.subarray(0, Math.min(16, left)))
  for (let bits = secret.length; bits > 0; bits >>= 1) begin.push(bits & 1 ? Buffer.alloc(1) : secret.subarray(0, 1))
  let state = md5(...begin)
  await inTurns(1000, (round) => {
    const parts: (Buffer | string)[] = [round & 1 ? secret : state]
    if (round % 3) parts.push(salt)
    if (round % 7) parts.push(secret)
    parts.push(round & 1 ? state : secret)
    state = md5(...parts)
  })
  const text = triples.map(([a, b, c]) => cryptText((state[a]! << 16) | (state[b]! << 8) | state[c]!, 4))
  return `${text.join('')}${cryptText(state[11]!, 2)}`
}
