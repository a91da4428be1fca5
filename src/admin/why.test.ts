import { expect, test } from 'vitest'
import { allDropReasons, Ledger } from '../delivery/ledger.ts'
import { ManualClock } from '../runtime/clock.ts'
import { advice } from './advice.ts'
import { isMeant, why } from './why.ts'

function books() {
  const clock = new ManualClock()
  const ledger = new Ledger(clock)
  const otlp = ledger.open('queue', 'otlp', { signal: 'logs' })
  const filter = ledger.open('processor', 'filter', { pipeline: 'logs' })
  otlp.drop('queue_full', 10, { source: 'app-1', text: 'OUT hello' }, 0, 'token=abc was refused')
  clock.advance(1000)
  otlp.drop('queue_full', 30, { source: 'app-2', text: 'OUT other' })
  filter.drop('rule', 100)
  return { ledger, clock, otlp, filter }
}

test('losses by size, with meaning, advice, time, samples and who lost most', () => {
  const { ledger } = books()
  const { losses, refusals, unattributed } = why(ledger)
  expect(losses.map(({ id, reason, records }) => [id, reason, records])).toEqual([
    ['filter', 'rule', 100],
    ['otlp', 'queue_full', 40],
  ])
  expect(losses[1]).toMatchObject({
    kind: 'queue',
    labels: { signal: 'logs' },
    meaning: 'the queue was full and its policy drops the newest',
    first: '2023-11-14T22:13:20.000Z',
    last: '2023-11-14T22:13:21.000Z',
    samples: [
      { at: '2023-11-14T22:13:21.000Z', records: 30, source_id: 'app-2', extract: 'OUT other' },
      { source_id: 'app-1', detail: 'token=**** was refused' },
    ],
    sources: [
      { source_id: 'app-2', estimated_records: 30 },
      { source_id: 'app-1', estimated_records: 10 },
    ],
  })
  expect(refusals).toEqual([])
  expect(unattributed).toBeUndefined()
})

test('one source: what is known of it, and the places where nothing is', () => {
  const { ledger } = books()
  const { losses, unattributed } = why(ledger, { source_id: 'app-1' })
  expect(losses).toHaveLength(1)
  expect(losses[0]!.sources.map(({ source_id }) => source_id)).toEqual(['app-1'])
  expect(losses[0]!.samples.map(({ source_id }) => source_id)).toEqual(['app-1'])
  expect(unattributed).toEqual([
    { kind: 'processor', id: 'filter', labels: { pipeline: 'logs' }, reason: 'rule', records: 100 },
  ])
})

test('one component, by its id or with its kind as people call it', () => {
  const { ledger } = books()
  const found = (component: string) => why(ledger, { component }).losses.map(({ id }) => id)
  expect(found('otlp')).toEqual(['otlp'])
  expect(found('exporter/otlp')).toEqual(['otlp'])
  expect(found('receiver/otlp')).toEqual([])
  expect(isMeant({ kind: 'processor', id: 'forward/a' }, 'connector/forward/a')).toBe(true)
})

test('what was sent back is told apart from losses', () => {
  const { ledger, otlp } = books()
  otlp.turned_away = 7
  ledger.open('receiver', 'otlp').refused = 7
  expect(why(ledger).refusals.map(({ kind, records }) => [kind, records])).toEqual([
    ['queue', 7],
    ['receiver', 7],
  ])
})

test('there is advice for every reason', () => {
  expect(Object.keys(advice).toSorted()).toEqual(allDropReasons.toSorted())
})
