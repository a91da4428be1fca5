import { createHash, createHmac } from 'node:crypto'
import type { Secret } from '../../config/fields.ts'
import type { GoRegex } from '../../ottl/go-regex.ts'
import { KeyVerdicts } from '../../ottl/key-verdicts.ts'
import { attributesTarget, isEntry, keyText, readEntry, setEntry, writeEntry } from '../../ottl/map-target.ts'
import { ottlOf, textOf } from '../../ottl/ottl-value.ts'
import type { Draft } from '../../telemetry/draft.ts'
import { readEntryOf } from '../../telemetry/entries.ts'
import type { MapDef } from '../../telemetry/path-def.ts'
import type { Site } from '../../telemetry/site.ts'
import { Value, ValueType } from '../../telemetry/value.ts'

export interface RedactionConfig {
  allow_all_keys: boolean
  allowed_keys: readonly string[]
  ignored_keys: readonly string[]
  ignored_key_patterns: readonly GoRegex[]
  blocked_key_patterns: readonly GoRegex[]
  blocked_values: readonly GoRegex[]
  allowed_values: readonly GoRegex[]
  redact_all_types: boolean
  hash_function?: 'md5' | 'sha1' | 'sha3' | 'hmac-sha256' | 'hmac-sha512' | undefined
  hmac_key?: Secret | undefined
  summary: 'silent' | 'info' | 'debug'
}

/** What happens to an attribute by its key. */
export const Verdict = { look: 0, ignore: 1, remove: 2, mask: 3 } as const

/** Keys by what became of them. */
export interface Found {
  redacted: string[]
  masked: string[]
  allowed: string[]
  ignored: string[]
}
export const nothingFound = (): Found => ({ redacted: [], masked: [], allowed: [], ignored: [] })

export interface Redactor {
  /** The function that redacts the attributes of the record that a site stands on. */
  attributes(map: MapDef): (site: Site) => void
  verdict(key: string): number
  /** What a text becomes; undefined when it is allowed. */
  text(text: string): string | undefined
  /** A whole value, masked. */
  masked(text: string): string
  /** Whether texts are looked at at all. */
  readonly looksAtValues: boolean
  /** Sets the attributes that tell what was found, if they are wanted. */
  summarize(draft: Draft, map: MapDef, site: Site, found: Found, of: '' | 'body.'): void
  readonly tells: boolean
}

export function newRedactor(config: RedactionConfig): Redactor {
  const { blocked_values: blocked, allowed_values: allowed, summary } = config
  const replacement = maskOf(config)
  const verdict = verdictOf(config)
  const tells = summary !== 'silent'
  const textAfter = (text: string): string | undefined => {
    for (let i = 0; i < allowed.length; i++) if (allowed[i]!.test(text)) return undefined
    let after = text
    for (let i = 0; i < blocked.length; i++) {
      if (blocked[i]!.test(after)) after = blocked[i]!.replaceAll(after, (match) => replacement(match[0]))
    }
    return after
  }
  const redactor: Redactor = {
    verdict,
    text: textAfter,
    masked: (text) => replacement(text),
    looksAtValues: blocked.length > 0 || allowed.length > 0,
    tells,
    summarize(draft, map, site, found, of) {
      if (tells) writeSummary(draft, map, site, found, `redaction.${of}`, summary === 'debug')
    },
    attributes(map) {
      const target = attributesTarget(map)
      const verdicts = new KeyVerdicts(verdict)
      const value = new Value()
      const redact = (draft: Draft, i: number, kind: number, found: Found | undefined) => {
        readEntry(target, draft, i, value)
        const before = value.type === ValueType.text ? value.toString() : otherText(value, config.redact_all_types)
        const key = () => keyText(draft, i)
        const after = textAfter(before)
        if (after === undefined) {
          found?.allowed.push(key())
          return
        }
        const next = kind === Verdict.mask ? replacement(before) : after
        if (kind !== Verdict.mask && next === before) return
        found?.masked.push(key())
        value.text(Buffer.from(next))
        writeEntry(target, draft, i, value)
      }
      return (site) => {
        const draft = target.open(site)
        const found = tells ? nothingFound() : undefined
        const { count } = draft
        for (let i = 0; i < count; i++) {
          if (!isEntry(target, draft, i)) continue
          const kind = verdicts.of(draft.bufOf(i), draft.keyStart(i), draft.keyEnd(i))
          if (kind === Verdict.ignore) found?.ignored.push(keyText(draft, i))
          else if (kind === Verdict.remove) {
            found?.redacted.push(keyText(draft, i))
            draft.remove(i)
          } else if (kind === Verdict.mask || redactor.looksAtValues) redact(draft, i, kind, found)
        }
        if (found) redactor.summarize(draft, map, site, found, '')
      }
    },
  }
  return redactor
}

/** What is no text is the empty text to the Collector, unless all types are looked at. */
const otherText = (value: Value, all: boolean): string => (all ? (textOf(ottlOf(value)) ?? '') : '')

/** Keys of our own summaries are never removed: two processors may follow each other. */
const summaries = /^redaction\.(body\.)?(redacted|masked|allowed|ignored)\.(keys|count)$/

function verdictOf(config: RedactionConfig): (key: string) => number {
  const allowed = new Set(config.allowed_keys)
  const ignored = new Set(config.ignored_keys)
  return (key) => {
    if (ignored.has(key) || config.ignored_key_patterns.some((each) => each.test(key))) return Verdict.ignore
    if (!config.allow_all_keys && !allowed.has(key) && !summaries.test(key)) return Verdict.remove
    return config.blocked_key_patterns.some((each) => each.test(key)) ? Verdict.mask : Verdict.look
  }
}

function maskOf({ hash_function: name, hmac_key: key }: RedactionConfig): (text: string) => string {
  if (!name) return () => '****'
  if (name === 'hmac-sha256' || name === 'hmac-sha512') {
    const algorithm = name.slice('hmac-'.length)
    return (text) => createHmac(algorithm, key!.reveal()).update(text).digest('hex')
  }
  const algorithm = name === 'sha3' ? 'sha3-256' : name
  return (text) => createHash(algorithm).update(text).digest('hex')
}

const scratch = new Value()

function writeSummary(draft: Draft, map: MapDef, site: Site, found: Found, prefix: string, names: boolean): void {
  const target = attributesTarget(map)
  target.open(site)
  const put = (name: string, keys: string[], tellsKeys: boolean) => {
    if (keys.length === 0) return
    if (tellsKeys) {
      const keysKey = Buffer.from(`${prefix}${name}.keys`)
      readEntryOf(site, map, keysKey, scratch)
      const before = scratch.type === ValueType.text ? scratch.toString() : ''
      scratch.text(Buffer.from([...keys, ...(before === '' ? [] : before.split(','))].sort().join(',')))
      setEntry(target, draft, keysKey, scratch)
    }
    const countKey = Buffer.from(`${prefix}${name}.count`)
    readEntryOf(site, map, countKey, scratch)
    const isNumber = scratch.type === ValueType.int || scratch.type === ValueType.text
    const before = isNumber ? Number(scratch.toString()) || 0 : 0
    scratch.integer(ValueType.int, before + keys.length, 0)
    setEntry(target, draft, countKey, scratch)
  }
  put('redacted', found.redacted, names)
  put('masked', found.masked, names)
  put('allowed', found.allowed, names)
  put('ignored', found.ignored, false)
}
