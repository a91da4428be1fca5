import type { Family } from '../wire/prometheus/write.ts'

/** `otelcol_process_*`: what the Collector says about its process, as far as Node has it. */
export function processFamilies(): Family[] {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage()
  const one = (name: string, type: 'counter' | 'gauge', help: string, value: number): Family => {
    return { name: `otelcol_process_${name}`, help, type, samples: [{ labels: [], value }] }
  }
  return [
    one('cpu_seconds', 'counter', 'Total CPU user and system time in seconds.', (user + system) / 1e6),
    one('memory_rss', 'gauge', 'Total physical memory (resident set size).', rss),
    one('runtime_heap_alloc_bytes', 'gauge', 'Bytes of allocated heap objects.', heapUsed + external),
    one('runtime_total_sys_memory_bytes', 'gauge', 'Total bytes of memory obtained from the OS.', heapTotal + external),
    one('uptime', 'counter', 'Uptime of the process.', process.uptime()),
  ]
}
