import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { certificatesOf } from '../net/tls-contexts.ts'
import type { Credentials } from './bindings.ts'

/** Judges certificates by their texts; the verdict on a text is kept until the next round has passed without it. */
export interface CredentialsCheck {
  /** What is wrong, as the original words it, or undefined. A certificate without a key (or the reverse) is nobody's fault. */
  check(credentials: Pick<Credentials, 'cert' | 'key' | 'ca'>, clean: string): string | undefined
  /** Forgets verdicts that were not asked for since the last call. */
  nextRound(): void
}

export function newCredentialsCheck(): CredentialsCheck {
  let before = new Map<string, boolean>()
  let now = new Map<string, boolean>()
  const verdict = (texts: readonly string[], judge: () => boolean): boolean => {
    const key = digest(texts)
    const sound = now.get(key) ?? before.get(key) ?? judge()
    now.set(key, sound)
    return sound
  }
  return {
    check({ cert, key, ca }, clean) {
      if (cert && key && !verdict([cert, key], () => isPair(cert, key)))
        return `failed to load certificate for ${clean}`
      if (ca && !verdict([ca], () => certificatesOf(ca).length > 0)) return `failed to load root CA for ${clean}`
      return undefined
    },
    nextRound() {
      before = now
      now = new Map()
    },
  }
}

function digest(texts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const text of texts) hash.update(`${text.length}:`).update(text)
  return hash.digest('base64')
}

function isPair(cert: string, key: string): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}
