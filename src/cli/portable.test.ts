import { MessageChannel } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { Catalogue } from '../components.ts'
import { Secret } from '../config/secret.ts'
import { sameSettings } from '../engine/same-settings.ts'
import { GoRegex } from '../ottl/go-regex.ts'
import { readConfiguration } from './configuration.ts'
import { packPlan, unpackPlan } from './packed-plan.ts'
import { packed, unpacked } from './portable.ts'

/** As another thread gets it. */
const sent = async (value: unknown): Promise<unknown> => {
  const { port1, port2 } = new MessageChannel()
  const got = new Promise((resolve) => port2.once('message', resolve))
  port1.postMessage(value)
  const answer = await got
  port1.close()
  return answer
}

test('settings survive the way to another thread, secrets and expressions included', async () => {
  const settings = {
    text: 'a',
    none: undefined,
    nothing: null,
    big: 12n,
    list: [1, { deep: new Secret('s') }],
    map: new Map([['a', new Secret('t')]]),
    set: new Set(['a']),
    pattern: new GoRegex('^a+$'),
    plain: /b/g,
    bytes: Buffer.from('x'),
  }
  const back = unpacked(await sent(packed(settings))) as typeof settings
  expect(sameSettings(back, { ...settings, bytes: new Uint8Array(settings.bytes) })).toBe(true)
  expect(back.pattern.test('aaa')).toBe(true)
  expect(String(back.list[1] && (back.list[1] as { deep: Secret }).deep)).toBe('[REDACTED]')
})

test('what cannot be carried is said', () => {
  class Own {
    x = 1
  }
  expect(() => packed({ a: [() => 1] })).toThrow('a function cannot be carried')
  expect(() => packed({ a: new Own() })).toThrow('a Own cannot be carried')
})

test('a plan comes out as it went in, with the very components', async () => {
  const yaml = `yaml:
receivers: {otlp: {protocols: {grpc: {endpoint: '127.0.0.1:0'}}}}
processors: {redaction: {blocked_values: ['4[0-9]{12}']}, batch: {}}
exporters: {otlp: {endpoint: '127.0.0.1:1', headers: {key: s3cret}}, debug: {}}
service: {pipelines: {logs: {receivers: [otlp], processors: [redaction, batch], exporters: [otlp, debug]}}}
`
  const { plan, problems } = await readConfiguration([yaml], [])
  expect(problems).toEqual([])
  const message = await sent(packPlan(plan!))
  const back = await unpackPlan(message as never, new Catalogue())
  expect(back.pipelines).toEqual(plan!.pipelines)
  for (const [i, instance] of back.instances.entries()) {
    const before = plan!.instances[i]!
    expect(instance.spec).toBe(before.spec)
    expect([instance.id, sameSettings(instance.config, before.config)]).toEqual([before.id, true])
  }
})
