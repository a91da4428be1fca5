import { safeText } from '../printing/safe-text.ts'

// Numbers and times as people read them, the same in status, why and top.

/** `12,345`; fractions to one digit where they matter. */
export function grouped(n: number): string {
  if (!Number.isFinite(n)) return '-'
  return (Math.abs(n) < 100 && !Number.isInteger(n) ? Number(n.toFixed(1)) : Math.round(n)).toLocaleString('en-US')
}

/** `1 record`, `12,345 records`. */
export const records = (n: number): string => `${grouped(n)} ${n === 1 ? 'record' : 'records'}`

/** `12.3 %` of a share from 0 to 1. */
export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

export const mebibytes = (bytes: number): string => `${(bytes / (1 << 20)).toFixed(1)} MiB`

/** `45 s`, `3 min`, `2 h 5 min`, `3 d 4 h`. */
export function span(seconds: number): string {
  const s = Math.max(0, Math.round(seconds))
  if (s < 120) return `${s} s`
  const min = Math.floor(s / 60)
  if (min < 120) return `${min} min`
  const h = Math.floor(min / 60)
  return h < 48 ? `${h} h ${min % 60} min` : `${Math.floor(h / 24)} d ${h % 24} h`
}

/** `3 ms`, `1.2 s`, `4 min`. */
export function millis(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  return ms < 120_000 ? `${(ms / 1000).toFixed(1)} s` : span(ms / 1000)
}

/** Local time: `09:05:44` of today, `2026-11-20 09:05:44` of another day. */
export function clockTime(text: string | null, now: Date = new Date()): string {
  const at = new Date(text ?? '')
  if (text === null || Number.isNaN(at.getTime())) return 'at an unknown time'
  const two = (n: number) => String(n).padStart(2, '0')
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')
  if (at.toDateString() === now.toDateString()) return time
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`
}

/** An account by the name of the component it belongs to: `exporter otlp (logs)`. */
export function placeName({
  kind,
  id,
  labels,
}: {
  kind: string
  id: string
  labels: Readonly<Record<string, string>>
}): string {
  const word = kind === 'queue' ? 'exporter' : kind === 'processor' && / to /.test(id) ? 'conversion' : kind
  const { pipeline, signal, destination, protocol: _protocol, unit: _unit, ...others } = labels
  const details = [pipeline, signal, destination, ...Object.values(others)].filter((each) => each)
  return safeText(`${word} ${id}${details.length > 0 ? ` (${details.join(', ')})` : ''}`)
}

/** Rows in columns, numbers to the right; columns of `left` to the left. */
export function columns(rows: readonly (readonly string[])[], left: readonly number[] = [0]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)))
  return rows.map((row) =>
    row
      .map((cell, i) => (left.includes(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd(),
  )
}

/** A paragraph in lines of at most `width` characters behind an indentation. */
export function wrapped(text: string, indent: string, width = 100): string {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].map((each) => indent + each).join('\n')
}
