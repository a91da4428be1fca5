import { expect, test } from 'vitest'
import type { Component } from '../plugin.ts'
import { ManualClock } from '../runtime/clock.ts'
import { silentLog } from '../runtime/log.ts'
import { Life } from './component-state.ts'
import { startPart, stopParts, withinLimit } from './lifecycle.ts'
import type { Part } from './parts.ts'

test('what starts only after it was given up is stopped again', async () => {
  const { part, events, slow } = slowPart(async () => {})
  const starting = startPart(part)
  await expect(withinLimit(starting, abortedSoon(), part)).rejects.toThrow('did not start within')
  await stopParts([part], options)
  slow.resolve()
  await expect(starting).rejects.toThrow('it was stopped before it had started')
  expect(events).toEqual(['close', 'open', 'close'])
  expect(part.started).toBe(false)
})

test('what starts while it is being stopped is stopped again, when that is over', async () => {
  const first = Promise.withResolvers<void>()
  const { part, events, slow } = slowPart(() => first.promise)
  const starting = startPart(part)
  const stopping = stopParts([part], options)
  slow.resolve()
  await slow.promise
  first.resolve()
  await expect(starting).rejects.toThrow('it was stopped before it had started')
  await stopping
  expect(events).toEqual(['open', 'close', 'close'])
  expect(part.started).toBe(false)
})

test('what fails to start while it is being stopped is stopped again too', async () => {
  const { part, events, slow } = slowPart(async () => {})
  const starting = startPart(part)
  await stopParts([part], options)
  slow.reject(new Error('the port is taken'))
  await expect(starting).rejects.toThrow('the port is taken')
  expect(events).toEqual(['close', 'close'])
})

test('what was told to stop is not started any more', async () => {
  const { part, events } = slowPart(async () => {})
  await stopParts([part], options)
  await expect(startPart(part)).rejects.toThrow('it was stopped before it had started')
  expect(events).toEqual(['close'])
})

const options = { log: silentLog, stopMs: 1000, deadline: new AbortController().signal }

/** A part that starts when `slow` resolves, and whose first stop takes as long as `closes`. */
function slowPart(closes: () => Promise<void>) {
  const events: string[] = []
  const slow = Promise.withResolvers<void>()
  const component: Component = {
    start: () => slow.promise.then(() => void events.push('open')),
    stop: () => closes().then(() => void events.push('close')),
  }
  const part = {
    component,
    wanted: { key: 'exporter slow', kind: 'exporter', id: 'slow', instance: { required: true } },
    accounts: [],
    plug: { kind: 'extension' },
    life: new Life(new ManualClock()),
    started: false,
    stopping: undefined,
    stopped: false,
  } as unknown as Part
  return { part, events, slow }
}

function abortedSoon(): AbortSignal {
  const end = new AbortController()
  queueMicrotask(() => end.abort())
  return end.signal
}
