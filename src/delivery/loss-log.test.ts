import { expect, test } from 'vitest'
import { ManualClock } from '../runtime/clock.ts'
import { newLog } from '../runtime/log.ts'
import { LossLog } from './loss-log.ts'

test('losses are told at once, then at most every ten seconds with what was lost since', () => {
  const clock = new ManualClock()
  const lines: string[] = []
  const losses = new LossLog(clock, newLog({ write: (line) => lines.push(line.replace(/^\S+ \S+ /, '')) }))
  losses.add('displaced', 5)
  for (let i = 0; i < 100; i++) losses.add('displaced', 1)
  clock.advance(10_000)
  losses.add('rejected', 2, 'no such app')
  expect(lines).toEqual([
    'warn: 5 records lost reason=displaced\n',
    'warn: 100 records lost reason=displaced\n',
    'warn: Exporting failed. Dropping data. dropped_items=2 reason=rejected error="no such app"\n',
  ])
})

test('what was lost last is told at the end, once', () => {
  const lines: string[] = []
  const losses = new LossLog(new ManualClock(), newLog({ write: (line) => lines.push(line.replace(/^\S+ \S+ /, '')) }))
  losses.add('displaced', 1)
  losses.add('shutdown', 7, 'the process is stopping')
  losses.close()
  losses.close()
  expect(lines).toEqual([
    'warn: 1 record lost reason=displaced\n',
    'warn: 7 records lost reason=shutdown detail="the process is stopping"\n',
  ])
})

test('what is sent back is told in the words that people search for, as often', () => {
  const clock = new ManualClock()
  const lines: string[] = []
  const losses = new LossLog(clock, newLog({ write: (line) => lines.push(line.replace(/^\S+ \S+ /, '')) }))
  for (let i = 0; i < 5; i++) losses.refused(10, 'sending queue is full')
  clock.advance(10_000)
  losses.refused(1, 'shutting down')
  expect(lines).toEqual([
    'warn: Exporting failed. Rejecting data. error="sending queue is full" rejected_items=10\n',
    'warn: Exporting failed. Rejecting data. error="shutting down" rejected_items=41\n',
  ])
})
