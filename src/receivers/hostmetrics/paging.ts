import { lines, named, unescaped, whole, words } from './parse.ts'
import type { Scraper } from './scraper.ts'

export interface SwapDevice {
  readonly device: string
  readonly totalBytes: number
  readonly usedBytes: number
}

/** `/dev/sda2 partition 1048572 0 -2` below a heading, sizes in KiB. */
export function parseSwaps(text: string): SwapDevice[] {
  return lines(text)
    .slice(1)
    .map(words)
    .map(([device = '', , total, used]) => ({
      device: unescaped(device),
      totalBytes: whole(total) * 1024,
      usedBytes: whole(used) * 1024,
    }))
    .filter(({ totalBytes, usedBytes }) => usedBytes <= totalBytes)
}

export function newPagingScraper(): Scraper {
  return ({ files }, sheet) => {
    for (const { device, totalBytes, usedBytes } of parseSwaps(files.read('/proc/swaps'))) {
      const states = { used: usedBytes, free: totalBytes - usedBytes }
      for (const [state, bytes] of Object.entries(states)) {
        sheet.add('system.paging.usage', bytes, 'device', device, 'state', state)
        sheet.add('system.paging.utilization', bytes / totalBytes, 'device', device, 'state', state)
      }
    }
    const counts = named(files.read('/proc/vmstat'))
    const of = (name: string) => counts.get(name) ?? Number.NaN
    const add = (type: string, direction: string, value: number) =>
      sheet.add('system.paging.operations', value, 'direction', direction, 'type', type)
    add('major', 'page_in', of('pswpin'))
    add('major', 'page_out', of('pswpout'))
    add('minor', 'page_in', of('pgpgin'))
    add('minor', 'page_out', of('pgpgout'))
    sheet.add('system.paging.faults', of('pgmajfault'), 'type', 'major')
    sheet.add('system.paging.faults', Math.max(0, of('pgfault') - of('pgmajfault')), 'type', 'minor')
  }
}
