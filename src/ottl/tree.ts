/** What a statement or condition says, before it is known what its fields are. Every node knows its position. */
export type Node =
  | { readonly kind: 'text'; readonly at: number; readonly text: string }
  | { readonly kind: 'integer'; readonly at: number; readonly value: bigint }
  | { readonly kind: 'double'; readonly at: number; readonly value: number }
  | { readonly kind: 'bool'; readonly at: number; readonly value: boolean }
  | { readonly kind: 'nil'; readonly at: number }
  | { readonly kind: 'bytes'; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'list'; readonly at: number; readonly items: readonly Node[] }
  | { readonly kind: 'map'; readonly at: number; readonly entries: readonly (readonly [string, Node])[] }
  | PathNode
  | CallNode
  | {
      readonly kind: 'arithmetic'
      readonly at: number
      readonly op: ArithmeticOp
      readonly sides: readonly [Node, Node]
    }
  | { readonly kind: 'compare'; readonly at: number; readonly op: CompareOp; readonly sides: readonly [Node, Node] }
  | { readonly kind: 'and' | 'or'; readonly at: number; readonly sides: readonly [Node, Node] }
  | { readonly kind: 'not'; readonly at: number; readonly inner: Node }

export interface PathNode {
  readonly kind: 'path'
  readonly at: number
  readonly name: string
  readonly keys: readonly (string | number)[]
}

export interface CallNode {
  readonly kind: 'call'
  readonly at: number
  readonly name: string
  readonly args: readonly Argument[]
  /** What stands in brackets behind the call: `Split(x, ",")[0]`. */
  readonly keys: readonly (string | number)[]
}

export interface Argument {
  readonly at: number
  /** Set when it was written `name=value`. */
  readonly name?: string
  readonly value: Node
}

export type ArithmeticOp = '+' | '-' | '*' | '/'
export type CompareOp = '==' | '!=' | '<' | '<=' | '>' | '>='

/** `set(attributes["a"], 1) where name == "b"`. */
export interface StatementNode {
  readonly call: CallNode
  readonly where?: Node
}

/** Calls `see` with a node and all that is in it. */
export function walk(node: Node, see: (node: Node) => void): void {
  see(node)
  if (node.kind === 'list') for (const item of node.items) walk(item, see)
  else if (node.kind === 'map') for (const [, value] of node.entries) walk(value, see)
  else if (node.kind === 'call') for (const { value } of node.args) walk(value, see)
  else if (node.kind === 'not') walk(node.inner, see)
  else if ('sides' in node) for (const side of node.sides) walk(side, see)
}
