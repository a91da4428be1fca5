import type { HostMetricsConfig } from './config.ts'
import { newCpuScraper } from './cpu.ts'
import { newDiskScraper } from './disk.ts'
import { newFilesystemScraper } from './filesystem.ts'
import { newFilter } from './filter.ts'
import { newLoadScraper } from './load.ts'
import { newMemoryScraper } from './memory.ts'
import type { ScraperName } from './metrics.ts'
import { newNetworkScraper } from './network.ts'
import { newNfsScraper } from './nfs.ts'
import { newPagingScraper } from './paging.ts'
import { newProcessScraper, type ProcessOptions } from './process.ts'
import { newProcessesScraper } from './processes.ts'
import type { Scraper } from './scraper.ts'
import { Sheet } from './sheet.ts'
import { newSystemScraper } from './system.ts'

export interface NamedScraper {
  readonly name: ScraperName
  readonly scrape: Scraper
  readonly sheet: Sheet
}

const defaultTimeoutMs = 5000

/** Every scraper that the settings name. Throws for patterns that are none. */
export function newScrapers({ scrapers: chosen, root_path, timeout }: HostMetricsConfig): NamedScraper[] {
  const made: NamedScraper[] = []
  const add = (name: ScraperName, scrape: (settings: never) => Scraper) => {
    const settings = chosen[name]
    if (!settings) return
    const metrics = settings.metrics as Record<string, { enabled: boolean }>
    made.push({ name, scrape: scrape(settings as never), sheet: new Sheet(name, metrics) })
  }
  type Of<N extends ScraperName> = NonNullable<HostMetricsConfig['scrapers'][N]>
  add('cpu', newCpuScraper)
  add('load', ({ cpu_average }: Of<'load'>) => newLoadScraper(cpu_average))
  add('memory', newMemoryScraper)
  add('disk', ({ include, exclude }: Of<'disk'>) => newDiskScraper(newFilter(include, exclude)))
  add('filesystem', (settings: Of<'filesystem'>) => {
    const device = newFilter(settings.include_devices, settings.exclude_devices)
    const type = newFilter(settings.include_fs_types, settings.exclude_fs_types)
    const point = newFilter(settings.include_mount_points, settings.exclude_mount_points)
    return newFilesystemScraper({
      virtual: settings.include_virtual_filesystems,
      isWanted: (mount) => device(mount.device) && type(mount.type) && point(mount.mountPoint),
      timeoutMs: timeout || defaultTimeoutMs,
    })
  })
  add('network', ({ include, exclude }: Of<'network'>) =>
    newNetworkScraper(newFilter(include, exclude), root_path !== ''),
  )
  add('paging', newPagingScraper)
  add('processes', newProcessesScraper)
  add('process', (settings: ProcessOptions) => newProcessScraper(settings))
  add('nfs', () => newNfsScraper(root_path !== ''))
  add('system', newSystemScraper)
  return made
}
