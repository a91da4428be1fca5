const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Writes `count` characters of six bits each, the lowest bits first, as crypt(3) does. */
export function cryptText(value: number, count: number): string {
  let text = ''
  for (let i = 0, rest = value; i < count; i++, rest >>= 6) text += alphabet[rest & 63]
  return text
}

/** So many rounds are done in one turn of the loop: half a millisecond. */
const roundsPerTurn = 250

/** Does rounds of a hash that is slow on purpose, with turns for everybody else in between. */
export async function inTurns(rounds: number, round: (number: number) => void): Promise<void> {
  for (let done = 0; done < rounds; done++) {
    if (done % roundsPerTurn === 0) await new Promise(setImmediate)
    round(done)
  }
}
