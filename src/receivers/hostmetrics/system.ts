import type { Scraper } from './scraper.ts'

export function newSystemScraper(): Scraper {
  return ({ files }, sheet) => sheet.add('system.uptime', Number.parseFloat(files.read('/proc/uptime')))
}
