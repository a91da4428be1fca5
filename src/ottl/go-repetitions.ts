import type { CharSet } from './char-set.ts'

/** A piece of a pattern: text, or characters still to be spelled out. Groups and repetitions are pieces of their own. */
export type Part = string | CharSet

/** V8's linear matcher takes 16 repetitions at most, those of repetitions in each other multiplied. */
const chunk = 16
/** Of the text of repetitions that are written out. */
const mostWritten = 1 << 16

/** `part{least,most}` for a single character or a whole group, in the spelling that V8's linear matcher takes, if there is one. */
export function repeated(atom: readonly Part[], least: number, most: number, lazy: string): Part[] {
  const [only] = atom
  const end = most === Number.POSITIVE_INFINITY ? least : most
  if (atom.length === 1 && typeof only !== 'string' && end > chunk) return inChunks(only!, least, most, lazy)
  const written = atom.length > 1 ? copies(atom, least, most, lazy) : undefined
  return written ?? [...atom, least === most ? `{${least}}${lazy}` : `{${least},${most === end ? most : ''}}${lazy}`]
}

/** 40 are written as 16, 16 and 8, up to 40 as 16 and up to 24, or up to 15. */
function inChunks(set: CharSet, least: number, most: number, lazy: string): Part[] {
  if (least > chunk) return [set, `{${chunk}}`, ...inChunks(set, least - chunk, most - chunk, lazy)]
  if (most === Number.POSITIVE_INFINITY) return [set, `{${least},}${lazy}`]
  if (least > 0 && most > chunk) return [set, `{${least}}`, ...inChunks(set, 0, most - least, lazy)]
  if (most <= chunk) return most === 0 ? [] : [set, `{${least},${most}}${lazy}`]
  const more = [set, `{${chunk}}`, ...inChunks(set, 0, most - chunk, lazy)]
  const few = [set, `{0,${chunk - 1}}${lazy}`]
  return lazy ? ['(?:', ...few, '|', ...more, ')'] : ['(?:', ...more, '|', ...few, ')']
}

/**
 * A group written several times; undefined where that is not needed, or will not do: where the last of a changing number
 * of repetitions is to be kept, and where it becomes too long.
 */
function copies(group: readonly Part[], least: number, most: number, lazy: string): Part[] | undefined {
  const end = most === Number.POSITIVE_INFINITY ? least : most
  const factor = factorOf(group)
  if (factor * Math.max(1, end) <= chunk || factor > chunk) return undefined
  const keeps = group.some(isKept)
  const weight = group.reduce((sum, part) => sum + (typeof part === 'string' ? part.length : part.length * 6), 0)
  if (weight * end > mostWritten || (keeps && least !== most && most === end)) return undefined
  const once = group.map((part) => (isKept(part) ? '(?:' : part))
  const size = Math.floor(chunk / factor)
  const times = (count: number): Part[] =>
    count <= size ? (count > 0 ? [...once, `{${count}}`] : []) : [...once, `{${size}}`, ...times(count - size)]
  // Of groups the last repetition is kept.
  if (least === most) return [...times(least - 1), ...group]
  if (most !== end) return [...times(least - 1), ...group, `+${lazy}`]
  // x{0,3} is (?:x(?:x(?:x)?)?)?: what repetitions match is tried in the same order.
  const nested = Math.max(0, most - least - size)
  const inner = [...once, `{0,${Math.min(size, most - least)}}${lazy}`]
  const open = Array.from({ length: nested }, (): Part[] => ['(?:', ...once]).flat()
  const close = Array.from({ length: nested }, (): Part[] => [')', `?${lazy}`]).flat()
  return [...times(least), ...open, ...inner, ...close]
}

const isKept = (part: Part): boolean => typeof part === 'string' && /^\((?:\?<\w+>)?$/.test(part)

/** How often the innermost part of a group is repeated at most, by the numbers written in it. */
function factorOf(parts: readonly Part[]): number {
  const depths = [1]
  let last = 1
  for (const part of parts) {
    const [, least, most] = (typeof part === 'string' && /^\{(\d+)(?:,(\d*))?\}/.exec(part)) || []
    if (part === '(?:' || isKept(part)) {
      depths.push(1)
      continue
    }
    if (typeof part !== 'string') last = 1
    else if (part === ')') last = depths.pop()!
    else if (least !== undefined) last *= Math.max(1, Number(least), Number(most ?? 0))
    else continue
    depths.push(Math.max(depths.pop()!, last))
  }
  return depths[0]!
}
