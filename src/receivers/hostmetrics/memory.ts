import { kilobytes } from './parse.ts'
import type { Scraper } from './scraper.ts'

/** Bytes by state, as the Collector cuts memory up: reclaimable slabs are part of `cached` too. */
export function memoryStates(fields: ReadonlyMap<string, number>): Record<string, number> {
  const of = (name: string) => fields.get(name) ?? 0
  const cached = of('Cached') + of('SReclaimable')
  return {
    used: Math.max(0, of('MemTotal') - of('MemFree') - of('Buffers') - cached),
    free: of('MemFree'),
    buffered: of('Buffers'),
    cached,
    slab_reclaimable: of('SReclaimable'),
    slab_unreclaimable: of('SUnreclaim'),
  }
}

export function newMemoryScraper(): Scraper {
  return ({ files }, sheet) => {
    const fields = kilobytes(files.read('/proc/meminfo'))
    const total = fields.get('MemTotal')
    if (!total) throw new Error('/proc/meminfo has no MemTotal')
    for (const [state, bytes] of Object.entries(memoryStates(fields))) {
      sheet.add('system.memory.usage', bytes, 'state', state)
      sheet.add('system.memory.utilization', bytes / total, 'state', state)
    }
    sheet.add('system.memory.limit', total)
    sheet.add('system.linux.memory.available', fields.get('MemAvailable') ?? Number.NaN)
    sheet.add('system.linux.memory.dirty', fields.get('Dirty') ?? Number.NaN)
  }
}
