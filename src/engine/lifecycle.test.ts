import { expect, test } from 'vitest'
import type { Component } from '../plugin.ts'
import { ManualClock } from '../runtime/clock.ts'
import { silentLog } from '../runtime/log.ts'
import { Life } from './component-state.ts'
import { startPart, stopParts, withinLimit } from './lifecycle.ts'
import type { Part } from './parts.ts'

test('what starts only after it was given up is stopped again', async () => {
  const events: string[] = []
  const slow = Promise.withResolvers<void>()
  const component: Component = {
    start: () => slow.promise.then(() => void events.push('open')),
    stop: async () => void events.push('close'),
  }
  const part = {
    component,
    wanted: { key: 'exporter slow', kind: 'exporter', id: 'slow', instance: { required: true } },
    accounts: [],
    plug: { kind: 'extension' },
    life: new Life(new ManualClock()),
    started: false,
    stopped: false,
  } as unknown as Part
  const starting = startPart(part)
  await expect(withinLimit(starting, abortedSoon(), part)).rejects.toThrow('did not start within')
  await stopParts([part], { log: silentLog, stopMs: 1000, deadline: new AbortController().signal })
  slow.resolve()
  await expect(starting).rejects.toThrow('it was stopped before it had started')
  expect(events).toEqual(['close', 'open', 'close'])
  expect(part.started).toBe(false)
})

function abortedSoon(): AbortSignal {
  const end = new AbortController()
  queueMicrotask(() => end.abort())
  return end.signal
}
