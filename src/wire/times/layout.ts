/** A piece of a layout: what a time has at this place. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: Part; readonly fixed: boolean }
  /** `mark` (a dot or comma) and digits of a second: `exact` so many, or any number read and without zeros at the end written. */
  | { readonly kind: 'fraction'; readonly mark: string; readonly digits: number; readonly exact: boolean }
  /** An offset: `colons` between its parts, how many parts, and whether Z stands for none. */
  | { readonly kind: 'offset'; readonly colons: boolean; readonly parts: number; readonly takesZ: boolean }

type Part =
  | 'year'
  | 'shortYear'
  | 'month'
  | 'monthName'
  | 'longMonth'
  | 'dayName'
  | 'longDay'
  | 'day'
  | 'spacedDay'
  | 'spacedMonth'
  | 'dayOfYear'
  | 'hour'
  | 'hour12'
  | 'minute'
  | 'second'
  | 'PM'
  | 'pm'
  | 'zone'

/** A layout that cannot be used; the message says why. */
export class LayoutError extends Error {}

const part = (kind: Part, fixed = false): Piece => ({ kind, fixed })
const offset = (colons: boolean, parts: number, takesZ = false): Piece => ({ kind: 'offset', colons, parts, takesZ })

/** Pieces of Go's layouts (package time), longest first where one begins another. */
const goPieces: readonly (readonly [string, Piece])[] = [
  ['January', part('longMonth')],
  ['Jan', part('monthName')],
  ['Monday', part('longDay')],
  ['Mon', part('dayName')],
  ['MST', part('zone')],
  ['2006', part('year', true)],
  ['_2006', part('year', true)],
  ['002', part('dayOfYear', true)],
  ['01', part('month', true)],
  ['02', part('day', true)],
  ['03', part('hour12', true)],
  ['04', part('minute', true)],
  ['05', part('second', true)],
  ['06', part('shortYear', true)],
  ['15', part('hour')],
  ['_2', part('spacedDay')],
  ['Z07:00:00', offset(true, 3, true)],
  ['Z070000', offset(false, 3, true)],
  ['Z07:00', offset(true, 2, true)],
  ['Z0700', offset(false, 2, true)],
  ['Z07', offset(false, 1, true)],
  ['-07:00:00', offset(true, 3)],
  ['-070000', offset(false, 3)],
  ['-07:00', offset(true, 2)],
  ['-0700', offset(false, 2)],
  ['-07', offset(false, 1)],
  ['PM', part('PM')],
  ['pm', part('pm')],
  ['1', part('month')],
  ['2', part('day')],
  ['3', part('hour12')],
  ['4', part('minute')],
  ['5', part('second')],
]

/** Cuts a layout of Go, `2006-01-02T15:04:05.000Z07:00`, into pieces. Throws LayoutError. */
export function goLayout(layout: string): Piece[] {
  const pieces: Piece[] = []
  for (let pos = 0; pos < layout.length; ) {
    const fraction = /^[.,](0+|9+)(?!\d)/.exec(layout.slice(pos))
    if (fraction) {
      const [{ length }, digits] = fraction as unknown as [string, string]
      pieces.push({ kind: 'fraction', mark: layout[pos]!, digits: digits.length, exact: digits[0] === '0' })
      pos += length
      continue
    }
    const rest = layout.slice(pos)
    const found = goPieces.find(([text]) => rest.startsWith(text) && !(text === 'Jan' && /^Jan[a-z]/.test(rest)))
    if (found) {
      // `_2006` is a space in front of a year.
      if (found[0] === '_2006') addText(pieces, '_')
      pieces.push(found[1])
      pos += found[0].length
    } else addText(pieces, layout[pos++]!)
  }
  return checked(pieces, layout)
}

/** Digits of a second that a directive stands for. */
const fractions: Readonly<Record<string, number>> = { L: 3, f: 6, s: 9 }

/** Directives of strptime as the Collector reads them. */
const directives: Readonly<Record<string, readonly Piece[] | string>> = {
  Y: [part('year', true)],
  y: [part('shortYear', true)],
  m: [part('month', true)],
  o: [part('spacedMonth')],
  q: [part('month')],
  b: [part('monthName')],
  h: [part('monthName')],
  B: [part('longMonth')],
  d: [part('day', true)],
  e: [part('spacedDay')],
  g: [part('day')],
  a: [part('dayName')],
  A: [part('longDay')],
  H: [part('hour')],
  I: [part('hour12', true)],
  l: [part('hour12')],
  p: [part('PM')],
  P: [part('pm')],
  M: [part('minute', true)],
  S: [part('second', true)],
  Z: [part('zone')],
  z: [offset(false, 2, true)],
  i: [offset(false, 1)],
  w: [offset(false, 3)],
  j: [offset(true, 2)],
  k: [offset(true, 3)],
  D: '%m/%d/%Y',
  x: '%m/%d/%Y',
  F: '%Y-%m-%d',
  T: '%H:%M:%S',
  X: '%H:%M:%S',
  r: '%I:%M:%S %P',
  c: '%a %b %d %H:%M:%S %Y',
  v: '%e-%b-%Y',
  R: '%H:%M',
  n: [{ kind: 'text', text: '\n' }],
  t: [{ kind: 'text', text: '\t' }],
  '%': [{ kind: 'text', text: '%' }],
}

/** Cuts a layout such as `%Y-%m-%d %H:%M:%S.%L` into pieces. Throws LayoutError. */
export function strptimeLayout(layout: string): Piece[] {
  const pieces: Piece[] = []
  const read = (text: string): void => {
    for (let pos = 0; pos < text.length; pos++) {
      const fraction = /^([.,])%([Lfs])/.exec(text.slice(pos))
      if (fraction) {
        pieces.push({ kind: 'fraction', mark: fraction[1]!, digits: fractions[fraction[2]!]!, exact: false })
        pos += 2
        continue
      }
      if (text[pos] !== '%') {
        addText(pieces, text[pos]!)
        continue
      }
      const letter = text[++pos]
      const found = letter !== undefined && Object.hasOwn(directives, letter) ? directives[letter] : undefined
      if (letter !== undefined && Object.hasOwn(fractions, letter)) {
        throw new LayoutError(
          `%${letter} stands for digits behind a dot or a comma: write %S.%${letter} or %S,%${letter}`,
        )
      }
      if (found === undefined) throw new LayoutError(`there is no directive %${letter ?? ''}`)
      if (typeof found === 'string') read(found)
      else for (const piece of found) piece.kind === 'text' ? addText(pieces, piece.text) : pieces.push(piece)
    }
  }
  read(layout)
  return checked(pieces, layout)
}

function addText(pieces: Piece[], text: string): void {
  const last = pieces.at(-1)
  if (last?.kind === 'text') pieces[pieces.length - 1] = { kind: 'text', text: last.text + text }
  else pieces.push({ kind: 'text', text })
}

function checked(pieces: Piece[], layout: string): Piece[] {
  if (pieces.some(({ kind }) => kind !== 'text')) return pieces
  throw new LayoutError(`${JSON.stringify(layout)} has no part of a time`)
}
