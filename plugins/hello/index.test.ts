import { Batch, type ConfigOf, type Format, type Host, type Process } from 'tailrace/plugin'
import { expect, test } from 'vitest'
import { decodeEnvelopeBatch, decodeOtlpLogs, encodeEnvelopeBatch, encodeOtlpLogs } from '../../test/support/decode.ts'
import hello from './index.ts'

/** What the plugin asks of its host. */
function newProcess(config: object, format: Format) {
  const counted = { greetings: 0 }
  const counter = {
    add(n: number) {
      counted.greetings += n
    },
  }
  const host = { counter: () => counter } as unknown as Host
  const settings = hello.config.parse(config) as ConfigOf<typeof hello.config>
  return { process: hello.create({ config: settings, host, format }) as Process, counted }
}

test('greets the source of every envelope and counts it', () => {
  const { process, counted } = newProcess({}, 'envelopes')
  const batch = Batch.of('envelopes', encodeEnvelopeBatch([{ source_id: 'ada', tags: { greeting: 'hi' } }, {}]))
  const [first, second] = decodeEnvelopeBatch(process(batch)!.bytes())
  expect(first!.tags).toEqual({ greeting: 'hello, ada' })
  expect(second!.tags ?? {}).toEqual({})
  expect(counted.greetings).toBe(1)
})

test('greets by any field, of log records too', () => {
  const { process } = newProcess({ greeting: 'moin', name: 'attributes["user"]' }, 'logs')
  const user = { key: 'user', value: { stringValue: 'grace' } }
  const logs = encodeOtlpLogs({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ attributes: [user] }, {}] }] }] })
  const { resourceLogs } = decodeOtlpLogs(process(Batch.of('logs', logs))!.bytes())
  const [first, second] = resourceLogs[0].scopeLogs[0].logRecords
  expect(first.attributes).toEqual([user, { key: 'greeting', value: { stringValue: 'moin, grace' } }])
  expect(second.attributes ?? []).toEqual([])
})

test('a field that the format does not have is refused with the names that it has', () => {
  expect(() => newProcess({ name: 'user' }, 'envelopes')).toThrow(
    /envelopes have no field "user"; these have .*source_id/,
  )
})
