import { lines, whole, words } from './parse.ts'
import type { Scraper } from './scraper.ts'
import type { Sheet } from './sheet.ts'

/** The unit of /proc/diskstats, whatever the device has. */
const sectorBytes = 512

/** The columns behind major, minor and name (kernel: admin-guide/iostats). */
export interface DiskCounts {
  readonly device: string
  readonly counts: readonly number[]
}

export function parseDiskstats(text: string): DiskCounts[] {
  return lines(text)
    .map(words)
    .filter((fields) => fields.length >= 14)
    .map((fields) => ({ device: fields[2]!, counts: fields.slice(3).map(whole) }))
}

export function newDiskScraper(isWanted: (device: string) => boolean): Scraper {
  return ({ files }, sheet) => {
    for (const disk of parseDiskstats(files.read('/proc/diskstats'))) if (isWanted(disk.device)) addDisk(sheet, disk)
  }
}

function addDisk(sheet: Sheet, { device, counts }: DiskCounts): void {
  ;['read', 'write'].forEach((direction, i) => {
    const add = (metric: string, value: number) => sheet.add(metric, value, 'device', device, 'direction', direction)
    const [operations, merged, sectors, milliseconds] = counts.slice(i * 4)
    add('system.disk.io', sectors! * sectorBytes)
    add('system.disk.operations', operations!)
    add('system.disk.operation_time', milliseconds! / 1000)
    add('system.disk.merged', merged!)
  })
  const [pending, active, weighted] = counts.slice(8)
  sheet.add('system.disk.pending_operations', pending!, 'device', device)
  sheet.add('system.disk.io_time', active! / 1000, 'device', device)
  sheet.add('system.disk.weighted_io_time', weighted! / 1000, 'device', device)
}
