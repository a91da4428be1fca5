import { createHash } from 'node:crypto'
import { isSameSecret } from '../same-secret.ts'
import { apr1 } from './apr1.ts'
import type { BcryptThread } from './bcrypt-thread.ts'
import { type ShaCryptId, shaCrypt, usualRounds } from './sha-crypt.ts'

/** Whether a password is the right one: at once, or by a hash that is slow on purpose. */
export type Check =
  | { readonly quick: (password: string) => boolean }
  | { readonly slow: (password: string) => Promise<boolean> }
export type Users = ReadonlyMap<string, Check>

export interface Htpasswd {
  readonly users: Users
  /** Lines that let nobody in, and why: `line 3 (user "a"): this is no whole bcrypt hash`. */
  readonly unusable: readonly string[]
}

/** More would keep others waiting for seconds: 2^15 rounds of bcrypt, 100,000 of SHA-2. */
const mostCost = 15
const mostRounds = 100_000

/** Reads `user:hash` lines as Apache's htpasswd writes them. Blank lines and those after `#` are left out. */
export function parseHtpasswd(text: string, bcrypt: BcryptThread): Htpasswd {
  const users = new Map<string, Check>()
  const unusable: string[] = []
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const [, user, hash] = /^([^:#][^:]*):(.+)$/.exec(line.trim()) ?? []
    if (user === undefined || hash === undefined) {
      if (line.trim() !== '' && !line.trim().startsWith('#')) unusable.push(`line ${index + 1}: expected user:hash`)
      continue
    }
    const check = checkOf(hash, bcrypt)
    if (typeof check === 'string') unusable.push(`line ${index + 1} (user ${JSON.stringify(user)}): ${check}`)
    else users.set(user, check)
  }
  return { users, unusable }
}

/** What a hash accepts; a text: why it cannot be checked. */
function checkOf(hash: string, bcrypt: BcryptThread): Check | string {
  const sha = /^\{(S?SHA)\}([A-Za-z0-9+/]+={0,2})$/.exec(hash)
  if (sha) return salted(Buffer.from(sha[2]!, 'base64'), sha[1] === 'SSHA')
  const form = /^\$([\w-]{1,20})\$/.exec(hash)?.[1]
  switch (form) {
    case undefined:
      return { quick: (password) => isSameSecret(password, hash) }
    case 'apr1':
    case '1':
      return md5Check(hash, form)
    case '5':
    case '6':
      return shaCheck(hash, form)
    case '2a':
    case '2b':
    case '2y':
      return bcryptCheck(hash, bcrypt)
    default:
      return `hashes of the form $${form}$ are not known here; write one with htpasswd -B (bcrypt) or -5 (SHA-512)`
  }
}

function md5Check(hash: string, form: string): Check | string {
  const [, salt, rest] = /^\$\w+\$([^$]{1,8})\$([./A-Za-z0-9]{22})$/.exec(hash) ?? []
  if (salt === undefined || rest === undefined) return 'this is no whole MD5 hash'
  return { slow: async (password) => isSameSecret(await apr1(password, salt, `$${form}$`), rest) }
}

function shaCheck(hash: string, id: ShaCryptId): Check | string {
  const [, written, salt, rest] = /^\$.\$(?:rounds=(\d+)\$)?([^$]{1,16})\$([./A-Za-z0-9]+)$/.exec(hash) ?? []
  if (salt === undefined || rest?.length !== (id === '5' ? 43 : 86)) return 'this is no whole SHA-2 hash'
  const rounds = Math.max(1000, Number(written ?? usualRounds))
  if (rounds > mostRounds) return `a hash of ${rounds} rounds takes too long; ${mostRounds} are the most`
  return { slow: async (password) => isSameSecret(await shaCrypt(id, password, salt, rounds), rest) }
}

function bcryptCheck(hash: string, bcrypt: BcryptThread): Check | string {
  const [, cost] = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(hash) ?? []
  if (cost === undefined || Number(cost) < 4) return 'this is no whole bcrypt hash'
  if (Number(cost) > mostCost) return `a bcrypt hash of cost ${cost} takes too long; ${mostCost} is the most`
  return { slow: (password) => bcrypt.check(password, hash) }
}

/** Base64 of SHA-1 over password and salt; the salt stands behind the 20 bytes of the hash. */
function salted(bytes: Buffer, hasSalt: boolean): Check | string {
  if (bytes.length < 20 || (!hasSalt && bytes.length > 20)) return 'the hash is not of the length of SHA-1'
  const wanted = bytes.toString('base64', 0, 20)
  const salt = bytes.subarray(20)
  return {
    quick: (password) => isSameSecret(createHash('sha1').update(password).update(salt).digest('base64'), wanted),
  }
}
