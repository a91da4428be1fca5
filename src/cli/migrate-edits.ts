import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  Pair,
  parseDocument,
  Scalar,
  visit,
  YAMLMap,
  type YAMLSeq,
} from 'yaml'

/** One thing to take out of a file, and the sentence that is left at its place. */
export interface Removal {
  /** Dotted, as problems of a configuration say it: `exporters.kafka/a.b`, `service.pipelines.logs.exporters.1`. */
  readonly path: string
  readonly comment: string
}

/** One thing to write in another way, and the sentence that is left at its place. */
export interface Rewrite {
  readonly path: string
  /** The keys in place of the last one, from the block it stands in: `['tls', 'insecure']`. Without them the key stays. */
  readonly to?: readonly string[]
  /** The new text of the scalar. */
  readonly value?: string
  readonly comment: string
}

/** What every comment begins with that a migration leaves. */
export const mark = 'tailrace migrate: '

/** A YAML text from which settings can be taken out; everything else, comments and order included, stays. */
export interface EditedYaml {
  /** Takes out what is written in the text; answers the removals that were done. What others repeat by `*name` stays, until they are gone. */
  remove(removals: readonly Removal[]): Removal[]
  /** Writes things in another way; answers what was done. What would stand twice then, and what others repeat, stays. */
  rewrite(rewrites: readonly Rewrite[]): Rewrite[]
  /** The scalar that stands at a dotted path, as text. */
  scalarAt(path: string): string | undefined
  /** The text as it is now; the original text while nothing was changed. */
  text(): string
}

type Commented = { commentBefore?: string | null; comment?: string | null }

/** From the root inwards: a map and its pair, or a list and its item. */
type Step = { parent: YAMLMap; item: Pair } | { parent: YAMLSeq; item: unknown }

// In this schema every scalar is text, and leaves as it was written.
const options = { schema: 'failsafe', stringKeys: false, logLevel: 'silent' } as const

/** The text must be YAML of one document: check it before. */
export function editYaml(original: string): EditedYaml {
  const doc = parseDocument(original, options) as unknown as Document
  moveComments(doc, original)
  let changed = false
  return {
    remove(removals) {
      const found = removals.flatMap((removal) => {
        const steps = stepsTo(doc.contents, removal.path)
        return steps && steps.length > 0 && !isRepeated(doc, steps.at(-1)!) ? [{ removal, steps }] : []
      })
      for (const { removal, steps } of found) takeOut(doc, steps, removal.comment)
      changed ||= found.length > 0
      return found.map(({ removal }) => removal)
    },
    rewrite(rewrites) {
      const done = rewrites.filter((each) => rewritten(doc, each))
      changed ||= done.length > 0
      return done
    },
    scalarAt(path) {
      const step = stepsTo(doc.contents, path)?.at(-1)
      const node = step && nodeOf(step)
      return isScalar(node) ? String(node.value) : undefined
    },
    text: () => (changed ? print(doc, original) : original),
  }
}

/** Comments under a key without a value belong to what follows; the parser gives them to the missing value. */
function moveComments(doc: Document, text: string): void {
  let pending = ''
  visit(doc, {
    Pair(_, { key, value }) {
      if (!isScalar(key)) return
      const own = key as Commented
      if (pending !== '') own.commentBefore = join(pending, own.commentBefore)
      pending = ''
      const empty = isScalar(value) && value.value === '' && value.type === 'PLAIN' ? (value as Commented) : undefined
      const line = text.slice(key.range?.[1] ?? 0).split('\n', 1)[0]!
      if (!empty || line.includes('#')) return
      pending = join(empty.commentBefore, empty.comment)
      empty.commentBefore = null
      empty.comment = null
    },
  })
  if (pending !== '') doc.comment = join(pending, doc.comment)
}

const nodeOf = ({ item }: Step): unknown => (isPair(item) ? item.value : item)

/** Keys may hold dots, so each key that fits is tried. Settings that came by an alias are not found. */
function stepsTo(node: unknown, path: string): Step[] | undefined {
  if (path === '') return []
  if (isSeq(node)) {
    const [head = '', ...rest] = path.split('.')
    const item = node.items[Number(head)]
    const inner = item === undefined ? undefined : stepsTo(item, rest.join('.'))
    return inner && [{ parent: node, item }, ...inner]
  }
  if (!isMap(node)) return undefined
  for (const item of node.items) {
    const dotted = keyOf(item).replaceAll('::', '.')
    if (dotted === '' || (path !== dotted && !path.startsWith(`${dotted}.`))) continue
    const inner = stepsTo(item.value, path.slice(dotted.length + 1))
    if (inner) return [{ parent: node, item }, ...inner]
  }
  return undefined
}

const keyOf = ({ key }: Pair): string => (isScalar(key) ? String(key.value) : '')

/** Whether something that stays repeats what would go. */
function isRepeated(doc: Document, step: Step): boolean {
  const inside = namesIn(nodeOf(step))
  if (inside.anchors.length === 0) return false
  const everywhere = namesIn(doc)
  return inside.anchors.some((name) => count(everywhere.aliases, name) > count(inside.aliases, name))
}

const count = (names: readonly string[], name: string) => names.filter((each) => each === name).length

function namesIn(node: unknown): { anchors: string[]; aliases: string[] } {
  const names: { anchors: string[]; aliases: string[] } = { anchors: [], aliases: [] }
  visit(node as never, {
    Node(_, found) {
      if (isAlias(found)) names.aliases.push(found.source)
      else if (found.anchor !== undefined) names.anchors.push(found.anchor)
    },
  })
  return names
}

function takeOut(doc: Document, steps: readonly Step[], comment: string): void {
  const { parent, item } = steps.at(-1)!
  const items: unknown[] = parent.items
  const at = items.indexOf(item)
  // Gone already, with something around it.
  if (at < 0) return
  items.splice(at, 1)
  const said = join(commentedOf(item).commentBefore, comment)
  const next = at < items.length ? commentedOf(items[at]) : undefined
  if (parent.flow || items.length === 0) {
    const above = keyAbove(doc, steps)
    above.commentBefore = join(above.commentBefore, said)
  } else if (next) next.commentBefore = join(said, next.commentBefore)
  else parent.comment = join(parent.comment, said)
}

function rewritten(doc: Document, { path, to, value, comment }: Rewrite): boolean {
  const steps = stepsTo(doc.contents, path)
  const step = steps?.at(-1)
  if (!steps || !step || (value !== undefined && !isScalar(nodeOf(step)))) return false
  const { parent } = step
  if (value !== undefined && isSeq(parent) && parent.items.some((item) => isScalar(item) && item.value === value))
    return false
  const key = to && movedKey(step, to)
  if (to && !key) return false
  if (value !== undefined) (nodeOf(step) as Scalar).value = value
  const place = parent.flow ? keyAbove(doc, steps) : (key ?? commentedOf(step.item))
  place.commentBefore = join(place.commentBefore, comment && ` ${mark}${comment}`)
  return true
}

/**
 * Gives a pair another key, or puts it into the block beside it that the first of two keys names. Answers the key above
 * which to say so.
 */
function movedKey({ parent, item }: Step, [head = '', inner]: readonly string[]): Commented | undefined {
  if (!isMap(parent) || !isPair(item)) return undefined
  const beside = parent.items.find((each) => keyOf(each) === head)
  if (inner === undefined) {
    if (beside) return undefined
    item.key = renamedKey(item, head)
    return commentedOf(item)
  }
  const block = isMap(beside?.value) ? beside.value : new YAMLMap()
  if ((beside && beside.value !== block && !isEmpty(beside.value)) || block.items.some((each) => keyOf(each) === inner))
    return undefined
  if (namesIn(item.value).anchors.length > 0) return undefined
  const pair = new Pair(beside ? renamedKey(item, inner) : new Scalar(inner), item.value)
  block.items.push(pair)
  if (beside) {
    beside.value = block
    parent.items.splice(parent.items.indexOf(item), 1)
    return block.flow ? commentedOf(beside) : commentedOf(pair)
  }
  item.key = renamedKey(item, head)
  item.value = block
  return commentedOf(item)
}

/** A key of another name with the comments of the old one. */
function renamedKey({ key }: Pair, name: string): Scalar {
  const renamed = new Scalar(name)
  const old = key as Scalar
  if (old.commentBefore) renamed.commentBefore = old.commentBefore
  if (old.spaceBefore) renamed.spaceBefore = true
  return renamed
}

const isEmpty = (node: unknown) => node === null || node === undefined || (isScalar(node) && node.value === '')

const commentedOf = (item: unknown): Commented => ((isPair(item) ? item.key : item) ?? {}) as Commented

/** The key of the nearest block around a place that is written line by line. */
function keyAbove(doc: Document, steps: readonly Step[]): Commented {
  const above = steps.slice(0, -1).findLast(({ parent, item }) => isPair(item) && !parent.flow)
  return above ? commentedOf(above.item) : (doc as Commented)
}

const join = (...parts: (string | null | undefined)[]): string => parts.filter((part) => part).join('\n')

/** Writes the document in the manner of the text it came from. */
function print(doc: Document, text: string): string {
  return doc.toString({
    lineWidth: 0,
    indent: /^( +)[^\s#]/m.exec(text)?.[1]?.length ?? 2,
    indentSeq: !hasFlushLists(text.split('\n')),
    // `{{ .name.secret }}` is no map.
    flowCollectionPadding: /(?<!\{)[{[] \S/.test(text),
  })
}

/** Whether the dashes of lists stand under the first letter of their key. */
function hasFlushLists(lines: readonly string[]): boolean {
  return lines.some((line, i) => {
    const [, indent] = /^( *)[^\s#-][^#]*:\s*(?:#.*)?$/.exec(line) ?? []
    return indent !== undefined && (lines[i + 1] ?? '').startsWith(`${indent}- `)
  })
}
