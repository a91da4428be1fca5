import { expect, test } from 'vitest'
import { ManualClock } from '../runtime/clock.ts'
import { Batch } from '../telemetry/batch.ts'
import { batchOf, envelope } from '../telemetry/testing/encode.ts'
import { Ledger } from './ledger.ts'
import { ledgerFamilies } from './ledger-families.ts'
import { LossNotes } from './loss-notes.ts'

const log = (source: string, text: string) => envelope({ source, log: text })
const logs = (...lines: readonly (readonly [string, string])[]) =>
  Batch.copyOf('envelopes', batchOf(...lines.map(([source, text]) => log(source, text))))

function newBooks() {
  const clock = new ManualClock()
  const ledger = new Ledger(clock)
  return { clock, ledger, queue: ledger.open('queue', 'otlp') }
}

test('a loss is remembered with its time, its source, and what was lost', () => {
  const { clock, queue } = newBooks()
  const began = clock.now()
  queue.drop('queue_full', 1, logs(['app-1', 'hello']))
  clock.advance(1000)
  queue.drop('queue_full', 2, logs(['a', 'kept'], ['b', 'gone'], ['b', 'gone']), 1, 'no room')
  const notes = queue.notes('queue_full')!
  expect([notes.first, notes.last]).toEqual([began, began + 1000])
  expect(notes.samples).toEqual([
    { at: began + 1000, records: 2, source: 'b', extract: 'OUT gone', detail: 'no room' },
    { at: began, records: 1, source: 'app-1', extract: 'OUT hello' },
  ])
  expect(notes.sources.map(([id, { records }]) => [id, records])).toEqual([
    ['b', 2],
    ['app-1', 1],
  ])
  expect(queue.notes('displaced')).toBeUndefined()
})

test('a record that a condition took out is found by what was kept', () => {
  const { queue } = newBooks()
  const batch = logs(['a', '1'], ['b', '2'], ['c', '3'])
  let i = 0
  const kept = batch.where(() => i++ !== 1)
  queue.drop('rule', 1, batch, kept)
  expect(queue.notes('rule')!.samples[0]).toMatchObject({ source: 'b', extract: 'OUT 2' })
})

test('bytes that are no record are shown as far as they are text', () => {
  const { queue } = newBooks()
  queue.drop('malformed', 1, Buffer.from('not a metric'))
  expect(queue.notes('malformed')!.samples[0]).toMatchObject({ source: '', extract: 'not a metric' })
})

test('a batch that cannot be read costs the sample alone', () => {
  const { queue } = newBooks()
  queue.drop('fault', 3, Object.create(Batch.prototype, { count: { value: 3 } }))
  expect(queue.dropped('fault')).toBe(3)
  expect(queue.notes('fault')!.samples).toEqual([])
})

test('secrets are masked and long lines cut', () => {
  const { queue } = newBooks()
  queue.drop('queue_full', 1, logs(['a', `password=hunter2 ${'x'.repeat(5000)}`]), 0, 'Bearer abcdefgh refused')
  const [sample] = queue.notes('queue_full')!.samples
  expect(sample!.extract).toMatch(/^OUT password=\*\*\*\* x+\.\.\.$/)
  expect(sample!.extract).toHaveLength(160)
  expect(sample!.detail).toBe('Bearer **** refused')
})

test('at most five samples a second of one reason are taken, and the last five kept', () => {
  const { clock, queue } = newBooks()
  for (let i = 0; i < 3000; i++) {
    queue.drop('queue_full', 1, logs(['a', `line ${i}`]))
    clock.advance(1)
  }
  const { samples, sources } = queue.notes('queue_full')!
  expect(samples.map(({ extract }) => extract)).toEqual([2800, 2600, 2400, 2200, 2000].map((i) => `OUT line ${i}`))
  // Each sample stands for what was lost since the one before.
  expect(sources).toEqual([['a', expect.objectContaining({ records: 2801 })]])
})

test('all places together take fifty samples a second at most', () => {
  const { ledger } = newBooks()
  const batch = logs(['a', 'x'])
  const accounts = Array.from({ length: 80 }, (_, i) => ledger.open('queue', `q${i}`))
  for (const account of accounts) account.drop('queue_full', 1, batch)
  expect(accounts.filter((account) => account.notes('queue_full')!.samples.length > 0)).toHaveLength(50)
})

test('sources are bounded: those that lost least make room', () => {
  const notes = new LossNotes(0)
  notes.note(0, 1000)
  notes.sample(0, 1000, logs(['loud', 'x']), 0)
  for (let i = 1; i <= 100; i++) {
    notes.note(i * 1000, 1)
    notes.sample(i * 1000, 1, logs([`app-${i}`, 'x']), 0)
  }
  expect(notes.sources).toHaveLength(32)
  expect(notes.sources[0]).toEqual(['loud', { records: 1000, first: 0, last: 0 }])
})

test('destinations that come and go share what is remembered; samples say which it was', () => {
  const { ledger } = newBooks()
  const drain = (destination: string) => ledger.open('queue', 'drains', { destination }, { folded: true })
  drain('a').drop('queue_full', 1, logs(['s', 'x']))
  drain('a').close()
  const [sum] = ledger.summary().filter(({ id }) => id === 'drains')
  expect(sum!.notes('queue_full')!.samples).toEqual([
    expect.objectContaining({ source: 's', labels: { destination: 'a' } }),
  ])
  expect(sum!.dropped('queue_full')).toBe(1)
})

test('a clock that is set back does not end the samples', () => {
  const { clock, queue } = newBooks()
  queue.drop('queue_full', 1, logs(['a', 'one']))
  clock.jump(-3_600_000)
  queue.drop('queue_full', 1, logs(['a', 'two']))
  expect(queue.notes('queue_full')!.samples).toHaveLength(2)
})

test('metrics say when records were lost last, once some were', () => {
  const { clock, ledger, queue } = newBooks()
  const names = () => ledgerFamilies(ledger).map(({ name }) => name)
  expect(names()).not.toContain('tailrace_last_loss_timestamp_seconds')
  queue.drop('queue_full', 1)
  clock.advance(500)
  queue.drop('queue_full', 1)
  expect(ledgerFamilies(ledger).find(({ name }) => name === 'tailrace_last_loss_timestamp_seconds')?.series).toEqual([
    { labels: { kind: 'queue', id: 'otlp', reason: 'queue_full' }, value: 1_700_000_000.5 },
  ])
})
