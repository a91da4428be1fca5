import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ManualClock } from '../runtime/clock.ts'
import { type Facts, Life } from './component-state.ts'

const well: Facts = { started: true, stopped: false, error: undefined, ready: true, troubles: [] }
const start = 1_700_000_000_000

test('starting, ok, trouble, ok, stopping, stopped: each with the time from which it holds', () => {
  const clock = new ManualClock(start)
  const life = new Life(clock)
  expect(life.look({ ...well, started: false })).toEqual({ state: 'starting', since: start })
  clock.advance(10)
  expect(life.look(well)).toEqual({ state: 'ok', since: start + 10 })
  clock.advance(10)
  expect(life.look(well)).toEqual({ state: 'ok', since: start + 10 })
  clock.advance(100)
  const troubles = [{ error: 'connection refused', since: 50, lasting: false }]
  const ill = { state: 'recoverable error', since: start + 50, error: 'connection refused' }
  expect(life.look({ ...well, ready: false, troubles })).toEqual(ill)
  clock.advance(5)
  expect(life.look(well)).toEqual({ state: 'ok', since: start + 125 })
  life.stops()
  expect(life.look(well).state).toBe('stopping')
  expect(life.look({ ...well, stopped: true }).state).toBe('stopped')
})

test('what did not start is tried again: no permanent error', () => {
  const life = new Life(new ManualClock())
  const { state, error } = life.look({ ...well, started: false, error: 'port taken' })
  expect([state, error]).toEqual(['recoverable error', 'port taken'])
  expect(life.look(well).state).toBe('ok')
})

test('of several destinations the one that only people can mend is told, else the oldest trouble', () => {
  const life = new Life(new ManualClock())
  const young = { error: 'reset', since: 3, lasting: false }
  const old = { error: 'refused', since: 1, lasting: false }
  const lasting = { error: 'everything is refused: 401', since: 9, lasting: true }
  const see = (...troubles: Facts['troubles']) => life.look({ ...well, ready: false, troubles })
  expect(see(young, old)).toMatchObject({
    state: 'recoverable error',
    error: 'refused (and 1 more of its destinations)',
  })
  expect(see(young, lasting, old)).toMatchObject({
    state: 'permanent error',
    error: 'everything is refused: 401 (and 2 more of its destinations)',
  })
  expect(see()).toMatchObject({ state: 'recoverable error', error: 'it says that it cannot work right now' })
})

test('who stops only ends, whatever is seen of it', () => {
  const facts = fc.record({
    started: fc.boolean(),
    stopped: fc.boolean(),
    error: fc.option(fc.constant('port taken'), { nil: undefined }),
    ready: fc.boolean(),
    troubles: fc.constant([]),
  })
  fc.assert(
    fc.property(fc.array(facts), (all) => {
      const life = new Life(new ManualClock())
      life.look(well)
      life.stops()
      const states = all.map((each) => life.look(each).state)
      const end = states.indexOf('stopped')
      expect(new Set(end < 0 ? states : states.slice(end)).size).toBeLessThanOrEqual(1)
      expect(states.every((state) => state === 'stopping' || state === 'stopped')).toBe(true)
    }),
  )
})
