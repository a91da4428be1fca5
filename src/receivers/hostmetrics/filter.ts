import { GoRegex } from '../../ottl/go-regex.ts'

/** As written: `{devices: [...], match_type: strict}`. */
export type FilterConfig = Record<string, unknown> | undefined

/** Whether a name is wanted. */
export function newFilter(include: FilterConfig, exclude: FilterConfig): (name: string) => boolean {
  const wanted = include && matcher(include)
  const unwanted = exclude && matcher(exclude)
  return (name) => (wanted === undefined || wanted(name)) && !unwanted?.(name)
}

function matcher({ match_type, ...rest }: Record<string, unknown>): (name: string) => boolean {
  const names = Object.values(rest).flat() as string[]
  if (match_type !== 'regexp') {
    const set = new Set(names)
    return (name) => set.has(name)
  }
  const patterns = names.map((name) => new GoRegex(name))
  return (name) => patterns.some((pattern) => pattern.test(name))
}
