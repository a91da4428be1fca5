/** The agent's own log: one line per event on stderr, never one per record. */
export interface Log {
  debug(message: string, fields?: Fields): void
  info(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  error(message: string, fields?: Fields): void
  /** A line that tooling reads, printed as it is (behind the stamp): `grpc bound to: 127.0.0.1:3458`. */
  line(text: string): void
  /** The same log with a component's id in front. */
  named(name: string): Log
}

export type Level = 'debug' | 'info' | 'warn' | 'error'
export type Fields = Record<string, string | number | boolean | undefined>

export interface LogRecord {
  time: number
  level: Level
  name: string
  message: string
  fields: Fields
}

export interface LogOptions {
  level?: Level
  format?: 'text' | 'json'
  /** Stamp of text lines: local time to the second, or UTC with nanoseconds (RFC 3339). */
  stamp?: 'local' | 'rfc3339'
  /** Fields of every line; text lines that tooling reads stay as they are. */
  fields?: Fields
  write?: (line: string) => void
  /** Also handed every record that is written (for OTLP). */
  tee?: (record: LogRecord) => void
}

const order: Record<Level, number> = { debug: 0, info: 1, warn: 2, error: 3 }

export function newLog(options: LogOptions = {}): Log {
  const least = order[options.level ?? 'info']
  const write = options.write ?? ((line) => void process.stderr.write(line))
  const format = options.format === 'json' ? jsonLine : textLine(options.stamp ?? 'local')
  const common = options.fields ?? {}
  const emit = (level: Level, name: string, message: string, fields: Fields) => {
    if (order[level] < least) return
    const record = { time: Date.now(), level, name, message, fields }
    write(format(record))
    options.tee?.(record)
  }
  const named = (name: string): Log => ({
    debug: (message, fields) => emit('debug', name, message, { ...common, ...fields }),
    info: (message, fields) => emit('info', name, message, { ...common, ...fields }),
    warn: (message, fields) => emit('warn', name, message, { ...common, ...fields }),
    error: (message, fields) => emit('error', name, message, { ...common, ...fields }),
    line: (text) => emit('info', '', text, options.format === 'json' ? common : {}),
    named: (inner) => named(name ? `${name} ${inner}` : inner),
  })
  return named('')
}

/** A log that keeps quiet, for tests and for commands that only check. */
export const silentLog: Log = newLog({ write: () => {} })

function jsonLine({ time, level, name, message, fields }: LogRecord): string {
  return `${JSON.stringify({ time: new Date(time).toISOString(), level, component: name || undefined, message, ...fields })}\n`
}

function textLine(stamp: 'local' | 'rfc3339') {
  const at = stamp === 'local' ? localStamp : rfc3339Stamp
  return ({ time, level, name, message, fields }: LogRecord): string => {
    const severity = level === 'info' ? '' : `${level}: `
    const where = name ? `[${name}] ` : ''
    return `${at(time)} ${where}${severity}${message}${fieldText(fields)}\n`
  }
}

function fieldText(fields: Fields): string {
  let text = ''
  for (const [key, value] of Object.entries(fields)) if (value !== undefined) text += ` ${key}=${quoted(value)}`
  return text
}

const quoted = (value: string | number | boolean) =>
  typeof value === 'string' && (value === '' || /[\s"=]/.test(value)) ? JSON.stringify(value) : String(value)

const two = (value: number) => String(value).padStart(2, '0')

/** `2006/01/02 15:04:05`, local time: what the original agents print by default. */
function localStamp(time: number): string {
  const at = new Date(time)
  const day = `${at.getFullYear()}/${two(at.getMonth() + 1)}/${two(at.getDate())}`
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

/** `2006-01-02T15:04:05.000000000Z`. */
const rfc3339Stamp = (time: number) => new Date(time).toISOString().replace('Z', '000000Z')
