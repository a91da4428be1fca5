import { type Bits56, parseRandomness, parseThreshold } from './bits56.ts'

/** A `tracestate` header (W3C Trace Context) with what its member `ot` says about sampling: `ot=rv:…;th:…,vendor=x`. */
export interface TraceState {
  /** As it stands there: its letters may be capitals. */
  rv: string
  randomness: Bits56 | undefined
  threshold: Bits56 | undefined
  /** The other fields of `ot`. */
  readonly rest: string[]
  /** The other members. */
  readonly vendors: string[]
}

const mostText = 1024
const mostMembers = 32
const mostOt = 256
const key = /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/
const value = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/
const otField = /^[a-z][a-z0-9]*:[a-zA-Z0-9._-]*$/

/** Reads a trace state; answers what is wrong with it, if anything. */
export function readTraceState(text: string, into: TraceState): string | undefined {
  into.rv = ''
  into.randomness = into.threshold = undefined
  into.rest.length = into.vendors.length = 0
  if (text === '') return undefined
  if (text.length > mostText) return `a tracestate of more than ${mostText} characters`
  const members = text.split(',').map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ''))
  if (members.length > mostMembers) return `a tracestate of more than ${mostMembers} members`
  for (const member of members) {
    if (member === '') continue
    const equals = member.indexOf('=')
    if (!key.test(member.slice(0, Math.max(0, equals))) || !value.test(member.slice(equals + 1))) {
      return 'a tracestate that is not written like key=value,key=value'
    }
    if (!member.startsWith('ot=')) into.vendors.push(member)
    else {
      const fault = readOt(member.slice(3), into)
      if (fault) return fault
    }
  }
  return undefined
}

function readOt(text: string, into: TraceState): string | undefined {
  if (text.length > mostOt) return `a member ot of more than ${mostOt} characters in the tracestate`
  for (const field of text.split(';')) {
    if (!otField.test(field)) return 'a member ot in the tracestate that is not written like key:value;key:value'
    if (field.startsWith('rv:')) {
      into.randomness = parseRandomness(field.slice(3))
      if (!into.randomness) return 'an rv in the tracestate that is not 14 hexadecimal digits'
      into.rv = field.slice(3)
    } else if (field.startsWith('th:')) {
      into.threshold = parseThreshold(field.slice(3))
      if (!into.threshold) return 'a th in the tracestate that is not 1 to 14 hexadecimal digits'
    } else into.rest.push(field)
  }
  return undefined
}

/** The trace state with other values: rv, th, the other fields of `ot`, then the other members. */
export function writeTraceState({ rest, vendors }: TraceState, rv: string, th: string): string {
  const fields: string[] = []
  if (rv !== '') fields.push(`rv:${rv}`)
  if (th !== '') fields.push(`th:${th}`)
  fields.push(...rest)
  const ot = fields.length > 0 ? [`ot=${fields.join(';')}`] : []
  return [...ot, ...vendors].join(',')
}
