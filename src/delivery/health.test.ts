import { describe, expect, test } from 'vitest'
import { deliveryConfig, deliveryHost, envelopes } from '../../test/support/delivery.ts'
import { silenceMs } from './progress.ts'
import { queued } from './queued.ts'
import { Dropped, Retryable, type SendResult, sent } from './sender.ts'

/** A started exporter whose sender does what `act` is at the moment. */
async function exporterThat(written: Record<string, unknown> = {}) {
  const host = deliveryHost()
  const peer: { act: () => SendResult | Promise<SendResult> } = { act: () => sent(1) }
  const sender = { send: () => peer.act(), close: () => {} }
  const exporter = queued(deliveryConfig(written), host, sender, { random: () => 0.5 })
  await exporter.start()
  const trouble = () => host.only.trouble?.()
  return { exporter, peer, trouble, clock: host.clock, put: () => exporter.consume(envelopes(['a'])) }
}

const fail = (error: Error) => () => {
  throw error
}

describe('an exporter', () => {
  test('that fails is in trouble at once, until it delivers', async () => {
    const { exporter, peer, trouble, clock, put } = await exporterThat()
    clock.advance(7)
    peer.act = fail(new Retryable('connection refused'))
    put()
    expect(trouble()).toEqual({ error: 'connection refused', since: 7, lasting: false })
    expect(exporter.ready()).toBe(false)
    peer.act = () => sent(1)
    clock.advance(60_000)
    expect([trouble(), exporter.ready()]).toEqual([undefined, true])
  })

  test('whose peer takes nothing and says nothing is in trouble after a while', async () => {
    const { exporter, peer, trouble, clock, put } = await exporterThat({ timeout: '0s' })
    let answer: (result: SendResult) => void = () => {}
    peer.act = () => new Promise((resolve) => (answer = resolve))
    put()
    clock.advance(silenceMs - 1)
    expect(trouble()).toBeUndefined()
    clock.advance(1)
    expect(trouble()?.error).toMatch(/^nothing was delivered for \d+ s while records wait$/)
    expect(exporter.ready()).toBe(false)
    answer(sent(1))
    await exporter.idle()
    expect(trouble()).toBeUndefined()
  })

  test('that has nothing to deliver is well for ever', async () => {
    const { trouble, clock, put } = await exporterThat()
    put()
    clock.advance(100 * silenceMs)
    expect(trouble()).toBeUndefined()
  })

  test('that gathers a batch on purpose is well', async () => {
    const batch = { flush_timeout: '2m', min_size: 1000 }
    const { trouble, clock, put } = await exporterThat({ sending_queue: { batch } })
    put()
    clock.advance(119_999)
    expect(trouble()).toBeUndefined()
  })

  test('whose backend refuses everything for a while takes somebody to mend it', async () => {
    const { exporter, peer, trouble, clock, put } = await exporterThat()
    peer.act = fail(new Dropped('rejected', '401 Unauthorized'))
    put()
    expect(exporter.ready()).toBe(true)
    clock.advance(silenceMs)
    put()
    const refused = { error: 'everything is refused: 401 Unauthorized', since: 0, lasting: true }
    expect(trouble()).toEqual(refused)
    expect(exporter.ready()).toBe(false)
    peer.act = () => sent(1)
    put()
    clock.advance(1000)
    expect(exporter.ready()).toBe(true)
  })

  test('whose connection breaks with what was on its way is in trouble, though that is not repeated', async () => {
    const { peer, trouble, put } = await exporterThat()
    peer.act = fail(new Dropped('connection', 'reset'))
    put()
    expect(trouble()).toMatchObject({ error: 'reset', lasting: false })
  })
})
