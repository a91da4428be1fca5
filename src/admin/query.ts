/** A request that asks for something that cannot be; the message says what can. */
export class BadQuery extends Error {}

const mostCharacters = 512

/** A text of the query; undefined when it is absent or empty. */
export function textOf(query: URLSearchParams, name: string): string | undefined {
  const all = query.getAll(name)
  if (all.length > 1) throw new BadQuery(`${name} may stand there once`)
  const [text] = all
  if (text === undefined || text === '') return undefined
  if (text.length > mostCharacters) throw new BadQuery(`${name} has ${mostCharacters} characters at most`)
  return text
}

/** A whole number of the query. */
export function numberOf(
  query: URLSearchParams,
  name: string,
  { least, most, absent }: { least: number; most: number; absent: number },
): number {
  const text = textOf(query, name)
  if (text === undefined) return absent
  const value = Number(text)
  if (/^\d{1,9}$/.test(text) && value >= least && value <= most) return value
  throw new BadQuery(`${name} is a whole number from ${least} to ${most}`)
}
