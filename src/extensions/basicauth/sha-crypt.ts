import { createHash } from 'node:crypto'
import { cryptText, inTurns } from './crypt-text.ts'

/** SHA-256 is `$5$`, SHA-512 `$6$`. */
export type ShaCryptId = '5' | '6'

/** Rounds when a hash does not name them. */
export const usualRounds = 5000

const forms = {
  '5': { algorithm: 'sha256', first: [0, 10, 20] },
  '6': { algorithm: 'sha512', first: [0, 21, 42] },
} as const

/**
 * The characters behind the salt that crypt(3) with SHA-256 (43) or SHA-512 (86) makes of a password, as `htpasswd -2`,
 * `htpasswd -5` and `openssl passwd -6` write them ("Unix crypt using SHA-256 and SHA-512", U. Drepper).
 */
export async function shaCrypt(id: ShaCryptId, password: string, salt: string, rounds: number): Promise<string> {
  const { algorithm, first } = forms[id]
  const digest = (...parts: Buffer[]) => {
    const hash = createHash(algorithm)
    for (const part of parts) hash.update(part)
    return hash.digest()
  }
  const key = Buffer.from(password)
  const grain = Buffer.from(salt)
  const begin = [key, grain, spread(digest(key, grain, key), key.length)]
  const inner = digest(key, grain, key)
  for (let bits = key.length; bits > 0; bits >>= 1) begin.push(bits & 1 ? inner : key)
  let state = digest(...begin)
  const keys = spread(digest(...Array<Buffer>(key.length).fill(key)), key.length)
  const grains = spread(digest(...Array<Buffer>(16 + state[0]!).fill(grain)), grain.length)
  await inTurns(rounds, (round) => {
    const parts = [round & 1 ? keys : state]
    if (round % 3) parts.push(grains)
    if (round % 7) parts.push(keys)
    parts.push(round & 1 ? state : keys)
    state = digest(...parts)
  })
  return id === '5'
    ? `${triplesOf(state, first, 10)}${cryptText((state[31]! << 8) | state[30]!, 3)}`
    : `${triplesOf(state, first, 21)}${cryptText(state[63]!, 2)}`
}

/** `length` bytes: the block again and again. */
const spread = (block: Buffer, length: number): Buffer => Buffer.alloc(length, block)

/** Four characters for three bytes each; which bytes come next follows from the last three. */
function triplesOf(state: Buffer, first: readonly [number, number, number], count: number): string {
  let [a, b, c] = first as readonly number[] as [number, number, number]
  const turnsLeft = count === 21
  let text = ''
  for (let i = 0; i < count; i++) {
    text += cryptText((state[a]! << 16) | (state[b]! << 8) | state[c]!, 4)
    ;[a, b, c] = turnsLeft ? [b + 1, c + 1, a + 1] : [c + 1, a + 1, b + 1]
  }
  return text
}
