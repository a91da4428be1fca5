import { expect, test } from 'vitest'
import type { Consumer } from '../plugin.ts'
import { ManualClock } from '../runtime/clock.ts'
import { Batch } from '../telemetry/batch.ts'
import { FlowMeter } from './flow-meter.ts'

const batch = Batch.copyOf('logs', Buffer.alloc(300), { count: 20 })
const place = { kind: 'processor', id: 'filter', pipeline: 'logs' } as const

test('the time of a processor is its own, not that of whoever is behind it', () => {
  const clock = new ManualClock()
  const station = new FlowMeter(clock).station(place)
  const out = station.behind({ consume: () => clock.advance(500) })
  const processor: Consumer = {
    consume(given) {
      clock.advance(2)
      out.consume(given)
      clock.advance(1)
      out.consume(given)
    },
  }
  station.before(processor).consume(batch)
  expect([station.took.count, station.took.sum]).toEqual([1, 0.003])
  // What it hands on later is no part of it.
  out.consume(batch)
  expect(station.took.count).toBe(1)
  expect(station.consumed.get('logs')!.bytes.sum).toBe(300)
  expect(station.produced.get('logs')!.records.sum).toBe(60)
})

test('a component that is made anew is measured where the one before it was', () => {
  const meter = new FlowMeter(new ManualClock())
  expect(meter.station(place)).toBe(meter.station({ ...place }))
  expect([...meter.stations]).toHaveLength(1)
})
