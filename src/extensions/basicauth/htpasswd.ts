import { createHash } from 'node:crypto'
import { isSameSecret } from '../same-secret.ts'
import { apr1 } from './apr1.ts'

/** Whether a password is the right one. */
export type Matches = (password: string) => boolean
export type Users = ReadonlyMap<string, Matches>

export interface Htpasswd {
  readonly users: Users
  /** Lines that let nobody in, and why: `line 3 (user "a"): bcrypt hashes are not supported …`. */
  readonly unusable: readonly string[]
}

/** Reads `user:hash` lines as Apache's htpasswd writes them. Blank lines and those after `#` are left out. */
export function parseHtpasswd(text: string): Htpasswd {
  const users = new Map<string, Matches>()
  const unusable: string[] = []
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const [, user, hash] = /^([^:#][^:]*):(.+)$/.exec(line.trim()) ?? []
    if (user === undefined || hash === undefined) {
      if (line.trim() !== '' && !line.trim().startsWith('#')) unusable.push(`line ${index + 1}: expected user:hash`)
      continue
    }
    const matches = matcher(hash)
    if (typeof matches === 'string') unusable.push(`line ${index + 1} (user ${JSON.stringify(user)}): ${matches}`)
    else users.set(user, matches)
  }
  return { users, unusable }
}

/** What a hash accepts; a text: why it cannot be checked. */
function matcher(hash: string): Matches | string {
  const sha = /^\{(S?SHA)\}([A-Za-z0-9+/]+={0,2})$/.exec(hash)
  if (sha) return salted(Buffer.from(sha[2]!, 'base64'), sha[1] === 'SSHA')
  const md5 = /^\$(apr1|1)\$([^$]{1,8})\$(.{22})$/.exec(hash)
  if (md5) return (password) => isSameSecret(apr1(password, md5[2]!, `$${md5[1]}$`), md5[3]!)
  if (/^\$2[abxy]?\$/.test(hash)) return 'bcrypt hashes are not supported; write one with htpasswd -m (MD5) or -s (SHA)'
  if (/^\$[56]\$/.test(hash))
    return 'SHA-2 crypt hashes are not supported; write one with htpasswd -m (MD5) or -s (SHA)'
  return (password) => isSameSecret(password, hash)
}

/** Base64 of SHA-1 over password and salt; the salt stands behind the 20 bytes of the hash. */
function salted(bytes: Buffer, hasSalt: boolean): Matches | string {
  if (bytes.length < 20 || (!hasSalt && bytes.length > 20)) return 'the hash is not of the length of SHA-1'
  const wanted = bytes.toString('base64', 0, 20)
  const salt = bytes.subarray(20)
  return (password) => isSameSecret(createHash('sha1').update(password).update(salt).digest('base64'), wanted)
}
