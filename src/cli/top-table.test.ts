import { expect, test } from 'vitest'
import type { TopRow, TopSample } from '../admin/top.ts'
import { TopScreen } from './top-screen.ts'
import { type SortKey, sorted, tableLines } from './top-table.ts'

const row = (kind: TopRow['kind'], id: string, more: Partial<TopRow> = {}): TopRow => ({
  kind,
  id,
  labels: {},
  state: 'ok',
  in: 0,
  out: 0,
  dropped: 0,
  refused: 0,
  total: { in: 0, out: 0, dropped: 0 },
  held: 0,
  fill: null,
  latency_ms: null,
  cpu: null,
  ...more,
})

const rows = [
  row('queue', 'otlp', { in: 1200, held: 5, fill: 0.5, latency_ms: 1500, cpu: 0.01 }),
  row('processor', 'filter', {
    in: 1300,
    out: 1200,
    dropped: 100,
    total: { in: 9, out: 9, dropped: 12_345 },
    cpu: 0.2,
  }),
  row('receiver', 'statsd', { in: 1300, out: 1300 }),
  row('queue', 'stuck', { held: 9 }),
]

const sample: TopSample = {
  at: '2026-11-21T09:00:00Z',
  interval_ms: 1000,
  process: {
    pid: 7,
    ready: true,
    uptime_seconds: 60,
    cpu: 0.5,
    loop: 0.4,
    rss: 1 << 20,
    heap: 1,
    queued: 0,
    memory_limit: 1 << 20,
  },
  rows,
}

test.each<[SortKey, string[]]>([
  ['way', ['statsd', 'filter', 'otlp', 'stuck']],
  ['name', ['otlp', 'stuck', 'filter', 'statsd']],
  ['in', ['filter', 'statsd', 'otlp', 'stuck']],
  ['lost', ['filter', 'otlp', 'statsd', 'stuck']],
  ['waiting', ['stuck', 'otlp', 'filter', 'statsd']],
  ['time', ['stuck', 'otlp', 'filter', 'statsd']],
  ['cpu', ['filter', 'otlp', 'statsd', 'stuck']],
])('sorted by %s', (sort, ids) => {
  expect(sorted(rows, { sort, reverse: false }).map(({ id }) => id)).toEqual(ids)
  expect(sorted(rows, { sort, reverse: true }).map(({ id }) => id)).toEqual(ids.toReversed())
})

test('the table', () => {
  expect(tableLines(rows, { sort: 'way', reverse: false, width: 120 }).map(({ text }) => text)).toEqual([
    'component          in/s  out/s  lost/s    lost  refused/s  waiting    full   time     cpu',
    'receiver statsd   1,300  1,300       0       0          0        0       -      -       -',
    'processor filter  1,300  1,200     100  12,345          0        -       -      -  20.0 %',
    'exporter otlp     1,200      0       0       0          0        5  50.0 %  1.5 s   1.0 %',
    'exporter stuck        0      0       0       0          0        9       -  stuck       -',
  ])
})

test('a narrow terminal leaves columns out, a low one rows, and nothing is wider than it', () => {
  for (const width of [40, 60, 80, 100]) {
    const lines = tableLines([row('queue', 'x'.repeat(90)), ...rows], { sort: 'way', reverse: false, width, height: 4 })
    expect(lines).toHaveLength(4)
    expect(lines.at(-1)!.text).toBe('... 3 more')
    expect(Math.max(...lines.map(({ text }) => text.length))).toBeLessThanOrEqual(width)
  }
})

test('a screen: keys sort, pause and end; it never writes more than fits', () => {
  let written = ''
  const write = (text: string) => {
    written += text
  }
  const terminal = { columns: 80, rows: 10, write }
  const screen = new TopScreen(terminal, { name: 'shop', pid: 7 }, { sort: 'way', colour: false })
  screen.open()
  expect(written).toContain('the first figures come in a second')
  written = ''
  screen.show(sample)
  const lines = written.replaceAll(/\u001b\[[?\d]*[A-Za-z]/g, '').split('\r\n')
  expect(lines).toHaveLength(10)
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
  expect(lines[0]).toContain('tailrace shop, process 7: ready, up 60 s')
  written = ''
  expect(screen.press('c')).toBe(false)
  expect(written).toContain('sorted by cpu')
  screen.press('r')
  expect(written).toContain('sorted by cpu, reversed')
  screen.press('p')
  written = ''
  screen.show(sample)
  expect(written).toBe('')
  for (const key of ['q', '\u0003', '\u001b']) expect(screen.press(key)).toBe(true)
})
