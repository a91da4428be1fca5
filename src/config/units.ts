import { quoted } from './quoted.ts'

/** A text that did not parse: what is wrong and what to write instead. */
export class Fault {
  readonly message: string
  readonly hint: string | undefined

  constructor(message: string, hint?: string) {
    this.message = message
    this.hint = hint
  }
}

const nanos: Record<string, number> = { ns: 1e-6, us: 1e-3, µs: 1e-3, μs: 1e-3, ms: 1, s: 1e3, m: 60e3, h: 3600e3 }

/** `15s`, `1m30s`, `1.5h`, `100ms`, `0` (Go's time.ParseDuration) as milliseconds. */
export function parseDuration(text: string): number | Fault {
  const hint = 'write a number with a unit, such as "100ms", "15s", "1m30s" or "1.5h"'
  const [, sign, rest] = /^([-+]?)(.*)$/s.exec(text)!
  if (rest === '0') return 0
  let ms = 0
  let end = 0
  for (const part of rest!.matchAll(/(\d+\.?\d*|\.\d+)([^\d.]*)/gy)) {
    const [whole, amount, unit] = part
    if (unit === '') return new Fault(`missing unit in duration ${quoted(text)}`, hint)
    const factor = nanos[unit!]
    if (factor === undefined) return new Fault(`unknown unit ${quoted(unit!)} in duration ${quoted(text)}`, hint)
    ms += Number(amount) * factor
    end += whole.length
  }
  if (end === 0 || end !== rest!.length) return new Fault(`invalid duration ${quoted(text)}`, hint)
  if (ms > 9.2e12) return new Fault(`invalid duration ${quoted(text)}: more than 292 years`, hint)
  return sign === '-' ? -ms : ms
}

const powers = ['', 'k', 'm', 'g', 't']

/** `16MiB`, `64KiB`, `1.5GB`, `512` (bytes) as bytes; `KiB` is 1024, `KB` is 1000. */
export function parseSize(text: string): number | Fault {
  const match = /^\s*(\d+(?:\.\d*)?)\s*([kmgt]?)(i?)b?\s*$/i.exec(text)
  if (!match)
    return new Fault(
      `invalid size ${quoted(text)}`,
      'write bytes or a number with a unit, such as 65536, "64KiB" or "16MiB"',
    )
  const [, amount, power, binary] = match
  const bytes = Number(amount) * (binary ? 1024 : 1000) ** powers.indexOf(power!.toLowerCase())
  return Number.isSafeInteger(Math.round(bytes)) ? Math.round(bytes) : new Fault(`size ${quoted(text)} is too large`)
}

/** An address to listen on or to call. `text` is what was written; `host` has no brackets and may be empty. */
export interface Endpoint {
  readonly host: string
  readonly port: number
  readonly text: string
}

/** `127.0.0.1:8125`, `localhost:0`, `:9100`, `[::1]:4317`. */
export function parseEndpoint(text: string, defaultPort?: number): Endpoint | Fault {
  const match = /^(?:\[([^\]]*)\]|([^:[\]\s/]*))(?::(\d*))?$/.exec(text)
  if (!match) return new Fault(`expected host:port, got ${quoted(text)}`, endpointHint(text))
  const host = match[1] ?? match[2]!
  if (match[1] !== undefined && !match[1].includes(':')) {
    return new Fault(
      `expected host:port, got ${quoted(text)}`,
      `brackets are for IPv6 only: write "${host}:${match[3] ?? 'PORT'}"`,
    )
  }
  const digits = match[3] || (defaultPort === undefined || host === '' ? '' : String(defaultPort))
  if (digits === '') return new Fault(`expected host:port, got ${quoted(text)}`, endpointHint(text))
  const port = Number(digits)
  if (port > 65535) return new Fault(`port ${digits} is out of range`, 'a port is a number from 0 to 65535')
  return { host, port, text }
}

function endpointHint(text: string): string {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\/([^/]*)/i.exec(text)
  if (scheme) return `write it without the scheme: "${scheme[1] || 'host:port'}"`
  if (/^\d{1,5}$/.test(text)) return loopbackHint(text)
  if ((text.match(/:/g)?.length ?? 0) > 1) return 'write an IPv6 address in brackets, such as "[::1]:4317"'
  return text === ''
    ? 'write an address such as "127.0.0.1:4317"'
    : `add a port, such as "${text.replace(/:.*/, '')}:4317"`
}

/** What to write when only a port was given. */
export function loopbackHint(port: string): string {
  return `write "127.0.0.1:${port}" to listen on loopback, or "0.0.0.0:${port}" for every interface`
}
