/** A configuration text and the places in it. Excerpts are made when they are printed, after all secrets are known. */
export interface Source {
  readonly file: string
  readonly text: string
  /** Characters that no excerpt may show. */
  readonly masks: Span[]
}

export interface Span {
  /** Offsets into the text of the source, the end not included. */
  readonly start: number
  readonly end: number
}

/** A span of a source: what a node of the tree remembers of where it was written. */
export interface Spot extends Span {
  readonly source: Source
}

/** Where something stands, in lines and columns from 1. */
export interface Location {
  readonly file: string
  readonly line: number
  readonly column: number
  /** The line as written, with secrets replaced by asterisks. */
  readonly excerpt: string
  /** Where under the excerpt the carets go; the column counts from 0. */
  readonly caret: { readonly column: number; readonly length: number }
}

export function newSource(file: string, text: string): Source {
  return { file, text, masks: [] }
}

const hidden = '*'.repeat(8)
const widest = 140

/** The location of a spot. The excerpt is a getter: it hides what has been masked by the time it is read. */
export function locate({ source, start, end }: Spot): Location {
  const { text } = source
  const from = text.lastIndexOf('\n', start - 1) + 1
  const newline = text.indexOf('\n', from)
  const to = newline < 0 ? text.length : newline
  const line = 1 + count(text, from)
  const drawn = () =>
    draw(source, { start: from, end: to }, { start, end: Math.min(Math.max(end, start + 1), Math.max(to, start + 1)) })
  return {
    file: source.file,
    line,
    column: start - from + 1,
    get excerpt() {
      return drawn().excerpt
    },
    get caret() {
      return drawn().caret
    },
  }
}

/** Hides the value of a spot in every excerpt from now on. */
export function maskSpot({ source, start, end }: Spot): void {
  if (end > start) source.masks.push({ start, end })
}

function count(text: string, end: number): number {
  let lines = 0
  for (let at = text.indexOf('\n'); at >= 0 && at < end; at = text.indexOf('\n', at + 1)) lines++
  return lines
}

function draw(source: Source, line: Span, mark: Span) {
  const spans = masksOf(source, line)
  let excerpt = ''
  let column = -1
  let last = 0
  const visit = (at: number) => {
    if (column < 0 && at >= mark.start) column = excerpt.length
    if (at < mark.end) last = excerpt.length
  }
  for (let at = line.start; at < line.end; ) {
    const mask = spans.find((span) => span.start <= at && at < span.end)
    if (mask && column < 0 && mark.start < mask.end) column = excerpt.length
    if (!mask) visit(at)
    excerpt += mask ? hidden : printable(source.text[at]!)
    if (mask && mark.end > mask.start && mark.start < mask.end) last = excerpt.length - 1
    at = mask ? mask.end : at + 1
  }
  if (column < 0) column = excerpt.length
  return clip(excerpt.trimEnd(), column, Math.max(1, last - column + 1))
}

// A key that sounds like a secret even if no schema knows it, and what stands behind it.
const telling = /(?:passw(?:or)?d|secret|token|credential|api_?key|authorization|key_pem|private_key)["']?\s*[:=]\s*/gi
const inFlow = /^(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^,}]*)/
// Names of headers say nothing: a list of them in one line, the line above a list, one in such a line, one below it.
const flowHeaders = /\bheaders["']?\s*:\s*[{[](.*)/dgi
const blockHeaders = /\bheaders["']?\s*:\s*$/i
const flowHeader = /[^\s,:{[][^,:]*:\s+/g
const blockHeader = /^[^:]*:\s+|^\s*/
const userInfo = /:\/\/[^\s/@]*@/g

/** Masked spans of a line: those of known secrets, what stands behind telling keys, headers, and logins inside of URLs. */
function masksOf(source: Source, line: Span): Span[] {
  const within = source.masks
    .map(({ start, end }) => ({ start: Math.max(start, line.start), end: Math.min(end, line.end) }))
    .filter(({ start, end }) => start < end)
  const text = source.text.slice(line.start, line.end)
  const add = (start: number, length: number) =>
    within.push({ start: line.start + start, end: line.start + start + length })
  const hide = (start: number) => {
    const rest = text.slice(start).trimEnd()
    const value = /[{[]/.test(text.slice(0, start)) ? inFlow.exec(rest)![0] : rest
    if (value !== '' && !/^["']?\$\{(env:|file:)?[^:{}]*\}["']?$/.test(value)) add(start, value.length)
  }
  for (const { index, 0: key } of text.matchAll(telling)) hide(index + key.length)
  for (const { 1: list, indices } of text.matchAll(flowHeaders)) {
    for (const { index, 0: name } of list!.matchAll(flowHeader)) hide(indices![1]![0] + index + name.length)
  }
  if (parentsOf(source.text, line).some((parent) => blockHeaders.test(parent))) hide(blockHeader.exec(text)![0].length)
  for (const match of text.matchAll(userInfo)) add(match.index + 3, match[0].length - 4)
  return within
}

/** The lines above that a line belongs to by its indentation, the nearest first; works where the text is no YAML. */
function parentsOf(text: string, { start, end }: Span): string[] {
  const parents: string[] = []
  let child = text.slice(start, end)
  for (let to = start - 1; to > 0; ) {
    const from = text.lastIndexOf('\n', to - 1) + 1
    const line = text.slice(from, to)
    if (line.trim() !== '' && isAbove(line, child)) {
      parents.push(line)
      child = line
    }
    to = from - 1
  }
  return parents
}

/** Items of a list may stand right below its key. */
function isAbove(line: string, child: string): boolean {
  const [indent, of] = [indentOf(line), indentOf(child)]
  return indent < of || (indent === of && isItem(child) && !isItem(line))
}

const isItem = (line: string): boolean => line.trimStart().startsWith('-')
const indentOf = (line: string): number => line.length - line.trimStart().length

function printable(char: string): string {
  return char < ' ' || char === '\u007f' ? ' ' : char
}

function clip(excerpt: string, column: number, length: number) {
  const cut = column > widest - 40 ? column - 60 : 0
  const left = cut > 0 ? `...${excerpt.slice(cut + 3)}` : excerpt
  const text = left.length > widest ? `${left.slice(0, widest - 3)}...` : left
  return {
    excerpt: text,
    caret: { column: column - cut, length: Math.max(1, Math.min(length, widest - (column - cut))) },
  }
}
