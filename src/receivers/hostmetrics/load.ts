import { words } from './parse.ts'
import type { Scraper } from './scraper.ts'

export function newLoadScraper(perCpu: boolean): Scraper {
  return ({ files }, sheet) => {
    const averages = words(files.read('/proc/loadavg')).slice(0, 3).map(Number)
    if (averages.length < 3 || averages.some(Number.isNaN)) throw new Error('/proc/loadavg has no three numbers')
    const cpus = perCpu ? Math.max(1, files.read('/proc/stat').match(/^cpu\d/gm)?.length ?? 1) : 1
    for (const [i, span] of ['1m', '5m', '15m'].entries()) {
      sheet.add(`system.cpu.load_average.${span}`, averages[i]! / cpus)
    }
  }
}
