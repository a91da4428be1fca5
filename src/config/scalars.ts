import { type Field, type FieldDef, fieldDef, newField, shown } from './field.ts'
import { quoted } from './quoted.ts'
import { Secret } from './secret.ts'
import { Substituted, unwrapped } from './substituted.ts'
import { type Endpoint, Fault, loopbackHint, parseDuration, parseEndpoint, parseSize } from './units.ts'

// A number or bool may also be written as `${env:NAME}`, so editors must not mark that.
const orVariable = (json: Record<string, unknown>) => ({ anyOf: [json, { type: 'string', pattern: '\\$\\{' }] })

export interface TextOptions {
  /** The empty text is refused. */
  notEmpty?: boolean
  /** What the text must match, and how to call that in a message: `{ matches: /^[a-z]+$/, expected: 'lower case letters' }`. */
  matches?: RegExp
  expected?: string
}

/** Text. A plain number or bool in YAML is refused (quote it); from a variable any text will do. */
export function text(options: TextOptions = {}): Field<string> {
  const read = (value: unknown) => {
    const given = textOf(value)
    if (given === undefined) return notText(value)
    if (options.notEmpty && given === '') return new Fault('must not be empty')
    if (options.matches && !options.matches.test(given)) {
      return new Fault(
        `expected ${options.expected ?? `text that matches ${options.matches.source}`}, got ${quoted(given)}`,
      )
    }
    return given
  }
  return newField({ label: 'text', json: () => ({ type: 'string' }), keepsEmpty: true, read })
}

/** Id of an extension that does something for this component: it must be configured and named in `service.extensions`. */
export function extensionId(): Field<string> {
  const { read, ...def } = fieldDef(text({ notEmpty: true }))! as FieldDef<string>
  return newField({ ...def, read, namesExtension: true })
}

/** A password, key or token: reaches the component as a `Secret`, and is masked in every output. */
export function secret(): Field<Secret, string> {
  const read = (value: unknown) => {
    if (value instanceof Secret) return value
    const given = textOf(value)
    return given === undefined ? new Fault('expected text', 'put the value in quotes') : new Secret(given)
  }
  return newField({
    label: 'secret',
    json: () => ({ type: 'string', writeOnly: true }),
    keepsEmpty: true,
    secret: true,
    read,
  })
}

/** `true` or `false`. From a variable only `true` and `1` are true, and every other text is false. */
export function bool(): Field<boolean> {
  const read = (value: unknown) => {
    if (value instanceof Substituted) return value.text === 'true' || value.text === '1'
    return typeof value === 'boolean' ? value : new Fault(`expected true or false, got ${shown(value)}`)
  }
  return newField({ label: 'bool', json: () => orVariable({ type: 'boolean' }), read })
}

export interface Range {
  min?: number
  max?: number
}

/** A whole number. */
export function int(range: Range = {}): Field<number> {
  return numeric('int', 'a whole number', range, Number.isSafeInteger, 'integer')
}

/** A number, with or without a fraction. */
export function number(range: Range = {}): Field<number> {
  return numeric('number', 'a number', range, Number.isFinite, 'number')
}

/** A port, 0 to 65535; 0 lets the system choose. */
export function port(): Field<number> {
  return numeric('port', 'a port (0 to 65535)', { min: 0, max: 65535 }, Number.isSafeInteger, 'integer')
}

/** A span of time (`15s`, `1m30s`, `1.5h`, `100ms`, `0`) in milliseconds. Bounds are written the same way. */
export function duration(bounds: { min?: string; max?: string } = {}): Field<number, string | 0> {
  const least = bounds.min === undefined ? 0 : (parseDuration(bounds.min) as number)
  const most = bounds.max === undefined ? Number.POSITIVE_INFINITY : (parseDuration(bounds.max) as number)
  const read = (value: unknown) => {
    if (value === 0) return 0
    if (typeof value === 'number')
      return new Fault(`missing unit in duration ${value}`, `write "${value}s" or "${value}ms"`)
    const given = textOf(value)
    if (given === undefined) return new Fault(`expected a duration such as 15s, got ${shown(value)}`)
    const ms = parseDuration(given)
    if (ms instanceof Fault) return ms
    if (ms < least) return new Fault(`duration ${quoted(given)} is below the least of ${bounds.min ?? '0s'}`)
    return ms > most ? new Fault(`duration ${quoted(given)} is above the most of ${bounds.max}`) : ms
  }
  return newField({ label: 'duration', json: () => ({ type: ['string', 'integer'] }), read })
}

/** A number of bytes: `16MiB`, `64KiB`, `1GB` or plain bytes. */
export function size(range: Range = {}): Field<number, string | number> {
  const read = (value: unknown) => {
    const given = typeof value === 'number' ? String(value) : textOf(value)
    if (given === undefined) return new Fault(`expected a size such as 16MiB, got ${shown(value)}`)
    const bytes = parseSize(given)
    return bytes instanceof Fault ? bytes : (outside(bytes, range, given) ?? bytes)
  }
  return newField({ label: 'size', json: () => ({ type: ['string', 'integer'] }), read })
}

/** `host:port`, IPv6 in brackets, as `{ host, port, text }`; with `defaultPort` the port may be left out. */
export function endpoint(options: { defaultPort?: number } = {}): Field<Endpoint, string> {
  const read = (value: unknown) => {
    if (typeof value === 'number')
      return new Fault(`expected host:port, got ${shown(value)}`, loopbackHint(String(value)))
    const given = textOf(value)
    return given === undefined
      ? new Fault(`expected host:port, got ${shown(value)}`)
      : parseEndpoint(given, options.defaultPort)
  }
  return newField({ label: 'endpoint', json: () => ({ type: 'string' }), read })
}

/** A URL with one of the given schemes, as text. */
export function url(schemes: readonly string[] = ['http', 'https']): Field<string> {
  const wanted = schemes.map((scheme) => `${scheme}://`).join(' or ')
  const read = (value: unknown) => {
    const given = textOf(value)
    if (given === undefined) return new Fault(`expected a URL, got ${shown(value)}`)
    const parsed = URL.canParse(given) ? new URL(given) : undefined
    if (parsed && schemes.includes(parsed.protocol.slice(0, -1))) return given
    // A URL may hold a password, so it is not repeated.
    return new Fault(
      `expected a URL that starts with ${wanted}`,
      `write it in full, such as "${schemes[0]}://host:port/path"`,
    )
  }
  return newField({ label: 'url', json: () => ({ type: 'string' }), read })
}

/** The path of a file or folder, not empty. */
export function path(): Field<string> {
  const read = (value: unknown) => {
    const given = textOf(value)
    if (given === undefined) return new Fault(`expected a path, got ${shown(value)}`, 'put it in quotes')
    return given === '' ? new Fault('a path must not be empty') : given
  }
  return newField({ label: 'path', json: () => ({ type: 'string' }), read })
}

/** One of the given texts. */
export function oneOf<const T extends string>(values: readonly T[]): Field<T> {
  const all = values.map((value) => JSON.stringify(value)).join(', ')
  const read = (value: unknown) => {
    const given = textOf(value)
    const found = values.find((candidate) => candidate === given)
    if (found !== undefined) return found
    const same = values.find((candidate) => candidate.toLowerCase() === shownScalar(given ?? value))
    return new Fault(`expected one of ${all}, got ${shown(value)}`, same === undefined ? undefined : `write "${same}"`)
  }
  return newField<T>({
    label: `one of ${values.join(', ')}`,
    json: () => orVariable({ type: 'string', enum: [...values] }),
    read,
  })
}

const shownScalar = (value: unknown) => (typeof value === 'object' ? '' : String(value).toLowerCase())

/** Any YAML, handed on as it is; for settings whose shape the component reads itself. */
export function anything(): Field<unknown> {
  return newField<unknown>({ label: 'any', json: () => ({}), read: plain })
}

function plain(value: unknown): unknown {
  if (value instanceof Substituted) return plain(value.value)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}

function textOf(value: unknown): string | undefined {
  if (value instanceof Substituted) return value.text
  return typeof value === 'string' ? value : undefined
}

function notText(value: unknown): Fault {
  const scalar = typeof value === 'number' || typeof value === 'boolean'
  return new Fault(`expected text, got ${shown(value)}`, scalar ? `put it in quotes: "${value}"` : undefined)
}

function numeric(label: string, expected: string, range: Range, accepts: (value: unknown) => boolean, json: string) {
  const read = (value: unknown) => {
    const given = unwrapped(value)
    if (typeof given !== 'number' || !accepts(given)) return new Fault(`expected ${expected}, got ${shown(value)}`)
    return outside(given, range, String(given)) ?? given
  }
  const bounds = {
    ...(range.min !== undefined && { minimum: range.min }),
    ...(range.max !== undefined && { maximum: range.max }),
  }
  return newField<number>({ label, json: () => orVariable({ type: json, ...bounds }), read })
}

function outside(value: number, { min, max }: Range, given: string): Fault | undefined {
  if (min !== undefined && value < min) return new Fault(`${given} is below the least of ${min}`)
  return max !== undefined && value > max ? new Fault(`${given} is above the most of ${max}`) : undefined
}
