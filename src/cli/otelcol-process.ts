import { getHeapStatistics } from 'node:v8'
import type { FamilyPage } from './family-page.ts'

/** `otelcol_process_*`: what the Collector says about its process, as far as Node has it. */
export function addProcess(page: FamilyPage): void {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage()
  page.add('process_cpu_seconds', {}, (user + system) / 1e6)
  page.add('process_memory_rss', {}, rss)
  page.add('process_runtime_heap_alloc_bytes', {}, heapUsed + external)
  page.add('process_runtime_total_alloc_bytes', {}, getHeapStatistics().total_allocated_bytes)
  page.add('process_runtime_total_sys_memory_bytes', {}, heapTotal + external)
  page.add('process_uptime', {}, process.uptime())
}
