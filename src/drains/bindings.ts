/** An application bound to a drain. */
export interface BoundApp {
  readonly hostname: string
  readonly app_id: string
}

/** Certificates of a drain (PEM texts, or empty) and the applications that use them; aggregate drains have no list. */
export interface Credentials {
  readonly cert: string
  readonly key: string
  readonly ca: string
  readonly apps: readonly BoundApp[] | null
}

/** One drain URL with all who use it: an element of `GET /v2/bindings`, and of a page of the Cloud Controller. */
export interface Binding {
  readonly url: string
  readonly credentials: readonly Credentials[]
}

/** One page of `/internal/v5/syslog_drain_urls`. `nextId` 0: there is no further page. */
export interface BindingPage {
  readonly results: readonly Binding[]
  readonly nextId: number
}

type Fields = Record<string, unknown>

/** Reads the answer of the binding cache. Names match in any case, unknown ones are ignored; throws when it is no such list. */
export function decodeBindings(json: string): Binding[] {
  return bindings(parsed(json), 'the answer')
}

/** Reads a page of the Cloud Controller, by the same rules. */
export function decodeBindingPage(json: string): BindingPage {
  const page = fields(parsed(json), 'the page')
  const next = field(page, 'next_id') ?? 0
  if (!Number.isSafeInteger(next)) throw new Error(`next_id is ${kindOf(next)}, expected a whole number`)
  return { results: bindings(field(page, 'results'), 'results'), nextId: next as number }
}

/** Texts are turned into bytes in pieces of about this size: a list of ten thousand drains has tens of megabytes. */
const PIECE = 256 * 1024

/** Compact JSON as Go writes it, with the final line break: what `/v2/bindings` and `/v2/aggregate` answer. */
export function encodeBindings(list: readonly Binding[] | null): Buffer {
  if (list === null) return Buffer.from('null\n')
  const pieces: Buffer[] = []
  let text = '['
  for (const [i, binding] of list.entries()) {
    text += `${i > 0 ? ',' : ''}${bindingText(binding)}`
    if (text.length < PIECE) continue
    pieces.push(Buffer.from(text))
    text = ''
  }
  pieces.push(Buffer.from(`${text}]\n`))
  return Buffer.concat(pieces)
}

function bindingText({ url, credentials }: Binding): string {
  const text = JSON.stringify({
    url,
    credentials: credentials.map(({ cert, key, ca, apps }) => ({
      cert,
      key,
      ca,
      apps: apps?.map(({ hostname, app_id }) => ({ hostname, app_id })) ?? null,
    })),
  })
  return text.replace(/[<>&\u2028\u2029]/g, escaped)
}

const escaped = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (error) {
    // The engine's message quotes the text, and that may hold a key.
    const at = /position (\d+)/.exec((error as Error).message)?.[1]
    throw new Error(json === '' ? 'empty body' : `not JSON${at ? ` (at character ${at})` : ''}`)
  }
}

function bindings(value: unknown, where: string): Binding[] {
  return list(value, where, (item, at) => {
    const from = fields(item, at)
    return {
      url: text(field(from, 'url'), `${at}.url`),
      credentials: list(field(from, 'credentials'), `${at}.credentials`, credentials),
    }
  })
}

function credentials(item: unknown, at: string): Credentials {
  const from = fields(item, at)
  const apps = field(from, 'apps')
  return {
    cert: text(field(from, 'cert'), `${at}.cert`),
    key: text(field(from, 'key'), `${at}.key`),
    ca: text(field(from, 'ca'), `${at}.ca`),
    apps: apps === undefined || apps === null ? null : list(apps, `${at}.apps`, app),
  }
}

function app(item: unknown, at: string): BoundApp {
  const from = fields(item, at)
  return {
    hostname: text(field(from, 'hostname'), `${at}.hostname`),
    app_id: text(field(from, 'app_id'), `${at}.app_id`),
  }
}

function list<T>(value: unknown, where: string, read: (item: unknown, at: string) => T): T[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw new Error(`${where} is ${kindOf(value)}, expected a list`)
  return value.map((item, i) => read(item, `${where}[${i}]`))
}

function fields(value: unknown, where: string): Fields {
  if (value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value))
    throw new Error(`${where} is ${kindOf(value)}, expected an object`)
  return value as Fields
}

function text(value: unknown, where: string): string {
  if (value === undefined || value === null) return ''
  if (typeof value !== 'string') throw new Error(`${where} is ${kindOf(value)}, expected text`)
  return value.toWellFormed()
}

function field(from: Fields, name: string): unknown {
  if (Object.hasOwn(from, name)) return from[name]
  for (const key of Object.keys(from)) if (key.toLowerCase() === name) return from[key]
  return undefined
}

const kindOf = (value: unknown) =>
  Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`
