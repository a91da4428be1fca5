import fc from 'fast-check'
import { expect, test } from 'vitest'
import { holdsOf, messagesOf, readRemnant, writeRemnant } from './remnant.ts'

const framed = (texts: readonly string[]) =>
  Buffer.from(texts.map((text) => `${Buffer.byteLength(text)} ${text}`).join(''))

const written = (drain: string, app: string, bytes: Buffer) =>
  writeRemnant(drain, app, { pieces: [{ chunk: { bytes }, from: 0, to: bytes.length }], bytes: bytes.length })

test('what is written is read', () => {
  const texts = fc.array(fc.string({ minLength: 1 }), { maxLength: 20 })
  fc.assert(
    fc.property(fc.stringMatching(/^[0-9a-f]{24}$/), fc.string(), texts, (drain, app, all) => {
      const frames = framed(all)
      const payload = written(drain, app, frames)
      expect(readRemnant(payload, all.length)).toEqual({ drain, app, frames, count: all.length })
      const singles = all.map((text) => written(drain, app, Buffer.from(text)))
      expect(messagesOf(payload)).toEqual(Buffer.concat(singles))
    }),
  )
})

test('whatever else stands there does not throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      readRemnant(Buffer.from(bytes), 1)
      messagesOf(Buffer.from(bytes))
      messagesOf(written('k', 'app', Buffer.from(bytes)))
    }),
  )
})

test.each([
  ['/q/exporter_syslog_drains__memory', 'syslog messages'],
  ['/q/exporter_syslog_drains_eu_memory/', 'syslog messages'],
  ['/q/exporter_syslog_drains__0123456789abcdef01234567', undefined],
  ['/q/exporter_syslog__memory', undefined],
  ['/q/exporter_otlp_memory_logs', undefined],
])('%s holds %s', (folder, holds) => expect(holdsOf(folder)).toBe(holds))
