/**
 * `node --conditions=tailrace-source bench/micro/filelog.ts`: CPU microseconds per line of 200 bytes from a file in
 * memory to records in slab space, ready to be offered; and what a look at 10,000 quiet files costs.
 */
import { appendFileSync, closeSync, fstatSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newLogSeries } from '../../src/net/log-series.ts'
import { newFinder } from '../../src/receivers/filelog/finder.ts'
import { LineSink } from '../../src/receivers/filelog/line-sink.ts'
import { Reader } from '../../src/receivers/filelog/reader.ts'
import { Tail } from '../../src/receivers/filelog/tail.ts'
import { Watch } from '../../src/receivers/filelog/watch.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { encodeAttributes } from '../../src/wire/otlp/log-attributes.ts'

const folder = mkdtempSync(join(tmpdir(), 'tailrace-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

const lines = 200_000
const rounds = 8
const plain = '2026-11-21T06:00:00.123456Z INFO orders GET /orders/17 200 12ms user=42 trace=abcdef '.repeat(3)
const texts = {
  'ASCII, 200 bytes': `${plain.slice(0, 199)}\n`,
  'with two letters of UTF-8': `${plain.slice(0, 195)}éü\n`,
  'one byte of no UTF-8 in each': Buffer.concat([Buffer.from(plain.slice(0, 198)), Buffer.from([0xff, 10])]),
}
const options = {
  headSize: 1000,
  encoding: 'utf-8',
  maxEntry: 1 << 20,
  truncates: false,
  keepsLeading: false,
  keepsTrailing: false,
}
const extra = encodeAttributes({ 'log.file.name': 'app.log' })

/** Reads a file in blocks. `pieces`: the file grows by so many bytes between two reads, so that it is read at once. */
async function time(name: string, line: string | Buffer, more: object, piece?: number): Promise<void> {
  const path = join(folder, 'x')
  writeFileSync(path, Buffer.concat(Array.from({ length: lines }, () => Buffer.from(line))))
  const fd = openSync(path, 'r')
  const stat = fstatSync(fd)
  const reader = new Reader({ ...options, ...more })
  const sink = new LineSink({}, true)
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    const tail = new Tail(1, path, stat, 0)
    tail.fd = fd
    tail.extra = extra
    let count = 0
    const from = process.cpuUsage()
    for (let outcome = 'more'; outcome === 'more'; ) {
      if (piece) tail.size = tail.offset + piece
      outcome = await reader.read(tail, sink)
      count += sink.take([])?.count ?? 0
    }
    const { user, system } = process.cpuUsage(from)
    best = Math.min(best, (user + system) / count)
  }
  closeSync(fd)
  console.log(`${name.padEnd(58)} ${best.toFixed(3)} us/line`)
}

for (const [name, line] of Object.entries(texts)) await time(`${name}: from afar (thread pool)`, line, {})
await time('ASCII, 200 bytes: at the end of the file (at once)', texts['ASCII, 200 bytes'], {}, 1)
const multiline = { line_start_pattern: '^\\d{4}-\\d\\d-', omit_pattern: false }
await time('ASCII, 200 bytes: multiline, each line an entry', texts['ASCII, 200 bytes'], { multiline })

const files = 10_000
for (let i = 0; i < files; i++) appendFileSync(join(folder, `${i}.log`), 'a line\n')
const watch = new Watch({
  finder: newFinder([`${folder}/*.log`], []),
  checkpoints: undefined,
  clock: { ...systemClock, monotonic: () => systemClock.monotonic() + (isLater ? 60_000 : 0) },
  series: newLogSeries(silentLog, systemClock),
  fromEnd: true,
  olderThanMs: 0,
  headSize: 1000,
  mostOpen: 1024,
  flushMs: 500,
  deletes: false,
  attributesOf: () => extra,
  ready: () => {},
})
let isLater = false
const pause = async () => true
async function look(name: string, times: number): Promise<void> {
  const from = process.cpuUsage()
  for (let i = 0; i < times; i++) await watch.poll(pause)
  const { user, system } = process.cpuUsage(from)
  console.log(`${name.padEnd(58)} ${((user + system) / times / 1000).toFixed(2)} ms`)
}
await look('10,000 files: first look', 1)
await look('10,000 files: a look while all are fresh', 10)
isLater = true
await new Promise((resolve) => setTimeout(resolve, 2500))
await watch.poll(pause)
await look('10,000 files, quiet: a look', 50)
watch.close()
