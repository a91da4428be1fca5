/**
 * Cost of a queue on disk: what it appends, reads and opens, and the ways of writing that were to choose from. CPU is that of the whole
 * process, so it has the threads that sync in it.
 * Run: node --conditions=tailrace-source bench/micro/spool.ts [folder]
 */

import { closeSync, mkdtempSync, openSync, rmSync, writeSync, writevSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { crc32 } from 'node:zlib'
import { systemClock } from '../../src/runtime/clock.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { openSpool, type Spool } from '../../src/storage/spool.ts'

const root = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'tailrace-spool-'))
let folders = 0

const open = (maxLossMs: number, folder = join(root, String(folders++))): Promise<Spool> =>
  openSpool({ folder, clock: systemClock, log: silentLog, maxBytes: 0, maxAgeMs: 0, maxLossMs, onLost() {} })

const show = (what: string, text: string) => console.log(`${what.padEnd(66)} ${text}`)

function cpuSince(begin: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(begin)
  return user + system
}

/** Best of some rounds, in microseconds of CPU for one of `n`. */
async function best(what: string, rounds: number, n: number, round: () => Promise<number>): Promise<void> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < rounds; i++) least = Math.min(least, await round())
  show(what, `${(least / n).toFixed(2)} µs CPU a batch`)
}

/** The ways of writing a header and a payload: into one growing file of 32 MiB at most. */
async function ways(bytes: number): Promise<void> {
  const payload = Buffer.alloc(bytes, 0x61)
  const head = Buffer.alloc(60)
  const n = Math.min(20_000, Math.floor((32 << 20) / bytes))
  const scratch = Buffer.allocUnsafeSlow(60 + bytes)
  let gathered: Buffer[] = []
  const each: Record<string, (fd: number, at: number) => number> = {
    'CRC-32 alone': (_, at) => at + (crc32(payload) & 0),
    'one writev of two parts': (fd, at) => at + writevSync(fd, [head, payload], at),
    'copied together, one write': (fd, at) => {
      head.copy(scratch)
      payload.copy(scratch, 60)
      return at + writeSync(fd, scratch, 0, scratch.length, at)
    },
    'two writes': (fd, at) => {
      const next = at + writeSync(fd, head, 0, 60, at)
      return next + writeSync(fd, payload, 0, bytes, next)
    },
    'one writev for ten batches': (fd, at) => {
      gathered.push(head, payload)
      if (gathered.length < 20) return at
      const next = at + writevSync(fd, gathered, at)
      gathered = []
      return next
    },
  }
  for (const [name, write] of Object.entries(each)) {
    await best(`${bytes} bytes: ${name}`, 5, n, async () => {
      const path = join(root, 'plain')
      const fd = openSync(path, 'w+')
      const begin = process.cpuUsage()
      let at = 0
      for (let i = 0; i < n; i++) at = write(fd, at)
      const cpu = cpuSince(begin)
      closeSync(fd)
      rmSync(path)
      return cpu
    })
  }
}

/** Batches that go straight on, as they do while the backend takes them. */
async function through(what: string, bytes: number, n: number, maxLossMs: number, together: number): Promise<void> {
  const payload = Buffer.alloc(bytes, 0x61)
  let wall = 0
  await best(what, 4, n, async () => {
    const spool = await open(maxLossMs)
    const start = performance.now()
    const begin = process.cpuUsage()
    for (let i = 0; i < n; i += together) {
      let last = 0
      for (let j = 0; j < together; j++) {
        last = spool.append(payload, 100, 'logs')
        spool.took(last)
      }
      if (maxLossMs === 0) await spool.whenSynced(last)
      else await new Promise((resolve) => setImmediate(resolve))
      for (let j = 0; j < together; j++) spool.finish(last - j)
    }
    const cpu = cpuSince(begin)
    wall = performance.now() - start
    await spool.close()
    return cpu
  })
  show('', `${Math.round((n / wall) * 1000).toLocaleString('en-US')} batches/s in the last round`)
}

/** 769 MB that a killed process left, read as fast as it goes: the time to open, to read, and the longest stop of the loop. */
async function backlog(bytes: number, total: number): Promise<void> {
  const folder = join(root, 'backlog')
  const payload = Buffer.alloc(bytes, 0x61)
  const first = await open(500, folder)
  const n = Math.floor(total / bytes)
  for (let i = 0; i < n; i++) {
    first.append(payload, 100, 'logs')
    if (i % 16 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await first.close()
  const opening = performance.now()
  const spool = await open(500, folder)
  show(`${Math.round(total / 1e6)} MB, ${n} batches: open`, `${(performance.now() - opening).toFixed(1)} ms`)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const start = performance.now()
  const begin = process.cpuUsage()
  let peak = 0
  let read = 0
  for (let some = await spool.read(256 << 10); some.length > 0; some = await spool.read(256 << 10)) {
    read += some.length
    for (const { sequence } of some) spool.finish(sequence)
    peak = Math.max(peak, process.memoryUsage.rss())
  }
  const seconds = (performance.now() - start) / 1000
  delay.disable()
  show('', `read ${read} in ${seconds.toFixed(2)} s, ${(cpuSince(begin) / read).toFixed(1)} µs CPU a batch`)
  show('', `loop: longest stop ${(delay.max / 1e6 - 1).toFixed(1)} ms; RSS ${(peak / 2 ** 20).toFixed(0)} MiB at most`)
  await spool.close()
}

try {
  for (const bytes of [400, 37_000]) await ways(bytes)
  await through('37 kB: append, took, finish; max_loss 500 ms', 37_000, 4000, 500, 4)
  await through('400 bytes: append, took, finish; max_loss 500 ms', 400, 40_000, 500, 20)
  await through('37 kB, max_loss 0, one sender at a time', 37_000, 600, 0, 1)
  await through('37 kB, max_loss 0, 20 senders together', 37_000, 4000, 0, 20)
  await backlog(37_000, 769e6)
} finally {
  rmSync(root, { recursive: true })
}
