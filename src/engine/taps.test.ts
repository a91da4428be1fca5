import { expect, onTestFinished, test, vi } from 'vitest'
import type { Consumer } from '../plugin.ts'
import type { Batch } from '../telemetry/batch.ts'
import { Port } from './nodes.ts'
import { Taps, workerKey } from './taps.ts'

const batch = { count: 1 } as Batch

function sink() {
  const got: Batch[] = []
  return { got, consume: (batch: Batch) => void got.push(batch) }
}

function place() {
  const taps = new Taps()
  const target = sink()
  const port = new Port(target)
  taps.watchable({ kind: 'processor', id: 'filter/a', pipeline: 'logs' }, port)
  return { taps, target, port }
}

test('whoever watches an id sees what passes, and nothing any more afterwards', () => {
  const { taps, target, port } = place()
  const seen: string[] = []
  const stop = taps.watch('filter/a', (_, point) => void seen.push(`${point.kind} ${point.id}`))
  const stopOther = taps.watch('processor/filter/a', (_, point) => void seen.push(`other ${point.pipeline}`))
  const stopStranger = taps.watch('filter', () => void seen.push('stranger'))
  port.consume(batch)
  stop()
  port.consume(batch)
  stopOther()
  stopStranger()
  port.consume(batch)
  expect(seen).toEqual(['processor filter/a', 'other logs', 'other logs'])
  expect(target.got).toHaveLength(3)
})

test('a port that is re-pointed goes on being watched, and so does the port that replaces it', () => {
  const { taps, port } = place()
  let seen = 0
  const stop = taps.watch('filter/a', () => void seen++)
  const second = sink()
  port.target = second
  port.consume(batch)
  const replacing = new Port(second)
  taps.watchable({ kind: 'processor', id: 'filter/a', pipeline: 'logs' }, replacing)
  replacing.consume(batch)
  port.consume(batch)
  expect(seen).toBe(2)
  expect(port.target).toBe(second)
  stop()
  replacing.consume(batch)
  expect(seen).toBe(2)
  expect(second.got).toHaveLength(4)
})

test('a place that is gone is watched no longer and listed no longer', () => {
  const { taps, port } = place()
  let seen = 0
  taps.watch('filter/a', () => void seen++)
  taps.forget(new Set([port]))
  port.consume(batch)
  expect(seen).toBe(0)
  expect(taps.points()).toEqual([])
})

test('who looks on and throws disturbs nobody', () => {
  const { taps, target, port } = place()
  taps.watch('filter/a', () => {
    throw new Error('mine')
  })
  port.consume(batch)
  expect(target.got).toHaveLength(1)
})

test('nobody watches: the port calls its target and nothing else', () => {
  const { taps, target, port } = place()
  taps.watch('filter/a', () => {})()
  taps.meter().stop()
  expect((port as unknown as { way: Consumer }).way).toBe(target)
})

test('work is measured only meanwhile, and what is called inside is not its caller’s', () => {
  const taps = new Taps()
  let now = 0
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now)
  onTestFinished(() => clock.mockRestore())
  const busy = (ms: number) => {
    now += ms
  }
  const exporter = { kind: 'queue', id: 'otlp' } as const
  const filter = { kind: 'processor', id: 'filter', pipeline: 'logs' } as const
  const last = new Port({ consume: () => busy(4) })
  taps.enters(exporter, last)
  const first = new Port({
    consume(batch) {
      busy(8)
      last.consume(batch)
    },
  })
  taps.enters(filter, first)
  first.consume(batch)
  const meter = taps.meter()
  first.consume(batch)
  const times = meter.read()
  expect(times.get(workerKey(filter))).toBe(8)
  expect(times.get(workerKey(exporter))).toBe(4)
  meter.stop()
  meter.stop()
  first.consume(batch)
  expect(taps.meter().read()).toEqual(new Map())
})
