import { readdirSync, readFileSync } from 'node:fs'
import { getHeapStatistics } from 'node:v8'
import type { Family } from '../../wire/prometheus/write.ts'
import { DelayWindow } from './delay-window.ts'

/** The standard `process_*` families and what Node can say about itself. */
export function runtimeFamilies(): Family[] {
  const { user, system } = process.cpuUsage()
  const memory = process.memoryUsage()
  const heap = getHeapStatistics()
  const delays = eventLoop()
  const one = (name: string, help: string, type: 'counter' | 'gauge', value: number): Family => ({
    name,
    help,
    type,
    samples: [{ labels: [], value }],
  })
  return [
    one('process_cpu_seconds_total', 'User and system CPU time spent in seconds.', 'counter', (user + system) / 1e6),
    one('process_resident_memory_bytes', 'Resident memory size in bytes.', 'gauge', memory.rss),
    one('process_start_time_seconds', 'Start time of the process since unix epoch in seconds.', 'gauge', startTime),
    one('process_open_fds', 'Number of open file descriptors.', 'gauge', openFiles()),
    one('process_max_fds', 'Maximum number of open file descriptors.', 'gauge', maxFiles()),
    one('nodejs_heap_size_total_bytes', 'Heap reserved by V8.', 'gauge', memory.heapTotal),
    one('nodejs_heap_size_used_bytes', 'Heap in use.', 'gauge', memory.heapUsed),
    one('nodejs_heap_size_limit_bytes', 'Heap that V8 may grow to.', 'gauge', heap.heap_size_limit),
    one(
      'nodejs_external_memory_bytes',
      'Memory of buffers and other things outside the heap.',
      'gauge',
      memory.external,
    ),
    one(
      'nodejs_eventloop_delay_p50_seconds',
      'Median delay of the event loop in the last 15 to 30 seconds.',
      'gauge',
      delays.percentile(50),
    ),
    one(
      'nodejs_eventloop_delay_p99_seconds',
      '99th percentile of the delay of the event loop in the last 15 to 30 seconds.',
      'gauge',
      delays.percentile(99),
    ),
    {
      name: 'nodejs_version_info',
      help: 'Version of Node.js.',
      type: 'gauge',
      samples: [{ labels: [['version', process.version]], value: 1 }],
    },
  ]
}

const startTime = (Date.now() - process.uptime() * 1000) / 1000

let measured: DelayWindow | undefined

/** Measured from the first page on: the timer behind it is not free. */
const eventLoop = (): DelayWindow => (measured ??= new DelayWindow().run())

function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return Number.NaN
  }
}

function maxFiles(): number {
  try {
    const limit = /Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))
    return limit ? Number(limit[1]) : Number.NaN
  } catch {
    return Number.NaN
  }
}
