import { config } from './config.ts'
import { metricsOf, type ScraperName } from './metrics.ts'
import type { ScraperUse } from './scraper.ts'
import { newScrapers } from './scrapers.ts'
import type { Attributes } from './sheet.ts'
import type { SystemFiles } from './system-files.ts'

// Texts of a machine of two processors, shortened; what is odd in them is told by the tests.
export const stat = `cpu  1048381 271 150901 1834800 9890 0 16577 533295 0 0
cpu0 537790 13 72952 903283 5161 0 9138 267596 0 0
cpu1 510590 258 77948 931517 4729 0 7438 265699 0 0
intr 38928171 0 0
ctxt 77777
btime 1795240000
processes 24905
procs_running 3
`
export const texts: Record<string, string> = {
  '/proc/stat': stat,
  '/proc/loadavg': '5.46 4.96 4.37 15/200 24905\n',
  '/proc/cpuinfo': [0, 1]
    .map((i) => `processor\t: ${i}\ncpu MHz\t\t: 2${i}00.5\nphysical id\t: 0\ncore id\t\t: 0\n`)
    .join('\n'),
  '/proc/meminfo': `MemTotal:       24684096 kB
MemFree:        19937972 kB
MemAvailable:   22031152 kB
Buffers:           28188 kB
Cached:          2043480 kB
Dirty:              1660 kB
SReclaimable:     350392 kB
SUnreclaim:        48172 kB
HugePages_Total:       7
`,
  '/proc/diskstats': `   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
 254       0 vda 1000 20 30000 4000 500 60 70000 8000 9 1000 11000 1 2 3 4 5 6
 254       1 short 1 2 3
`,
  '/proc/filesystems': 'nodev\tsysfs\nnodev\ttmpfs\n\text4\nnodev\tnfs\n\tsquashfs\n',
  '/proc/1/mountinfo': `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw,errors=remount-ro
23 22 0:21 / /proc rw,nosuid - proc proc rw
24 22 0:22 / /dev/shm rw - tmpfs tmpfs rw,size=24684096k
25 22 254:1 / /with\\040space ro,noatime master:3 - ext4 /dev/vdb ro
26 22 254:1 / /with\\040space ro,noatime master:3 - ext4 /dev/vdb ro
27 22 0:40 / /gone rw - ext4 /dev/vdc rw
broken line
`,
  '/proc/net/dev': `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 481251476119 52860870    0    0    0     0          0         0 481251476119 52860870    0    0    0     0       0          0
  eth0:1474736654   40044    1    2    0     0          0         0  3017651   24621    3    4    0     0       0          0
eth0:1: 5 6 7 8 0 0 0 0 9 10 11 12 0 0 0 0
`,
  '/proc/net/tcp': `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:1F40 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1
   2: 0100007F:9C40 0100007F:1F40 FF 00000000:00000000 00:00000000 00000000     0        0 3 1 0 20 4 30 10 -1
`,
  '/proc/net/tcp6': `  sl  local_address                         remote_address                        st tx_queue
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000
`,
  '/proc/sys/net/netfilter/nf_conntrack_count': '17\n',
  '/proc/sys/net/netfilter/nf_conntrack_max': '262144\n',
  '/proc/swaps': `Filename				Type		Size		Used		Priority
/dev/zram0                              partition	1048572		524288		-2
/my\\040swap                            file		100		200		-3
`,
  '/proc/vmstat': 'pgpgin 11\npgpgout 22\npswpin 3\npswpout 4\npgfault 1000\npgmajfault 100\n',
  '/proc': '1x 17 18 19 20 self',
  '/proc/17/stat': '17 (a) Z) name) S 1 17 17 0 -1',
  '/proc/18/stat': '18 (x) Z 1 17 17 0 -1',
  '/proc/19/stat': '19 (x) ? 1 17 17 0 -1',
}

/** The text of what may not be read. */
export const closed = 'closed'

const failure = (code: string, path: string) => Object.assign(new Error(`${code}: ${path}`), { code })

/** What a scraper is lent; `unread` is told what could not be read. */
export const useOf = (files: SystemFiles, unread: string[] = [], now = 0): ScraperUse => ({
  files,
  now,
  unread: (what) => void unread.push(what),
})

const pairs = (attributes: Attributes) =>
  attributes
    .map((each, i) => (i % 2 === 0 ? `${each}=` : each))
    .join(',')
    .replaceAll('=,', '=')

export const machine = (changed: Record<string, string | undefined> = {}): SystemFiles => ({
  read(path) {
    const text = path in changed ? changed[path] : texts[path]
    if (text === undefined) throw failure('ENOENT', path)
    if (text === closed) throw failure('EACCES', path)
    return text
  },
  link(path) {
    return this.read(path)
  },
  names(path) {
    return this.read(path).split(' ')
  },
  space: async (mountPoint) => {
    if (mountPoint === '/gone') throw new Error('/gone: EIO')
    return { bsize: 4096, blocks: 1000, bfree: 400, bavail: 350, files: 100, ffree: 90 }
  },
})

/** Points as `metric{key=value,...} number`, of the last of scrapes that are a second apart; a resource that begins as `key=value,... since ms`. */
export async function scraped(name: ScraperName, settings: object = {}, machines: SystemFiles[] = [machine()]) {
  const metrics = Object.fromEntries(Object.keys(metricsOf[name]).map((metric) => [metric, { enabled: true }]))
  const parsed = config.parse({ scrapers: { [name]: { metrics, ...settings } } } as never)
  const [one] = newScrapers(parsed)
  const points: string[] = []
  const failures: string[] = []
  const unread: string[] = []
  const { sheet } = one!
  const add = sheet.add.bind(sheet)
  sheet.add = (metric, value, ...attributes) => {
    const { count } = sheet
    add(metric, value, ...attributes)
    if (sheet.count === count) return
    points.push(`${metric.replace('system.', '')}{${pairs(attributes)}} ${value}`)
  }
  const begin = sheet.begin.bind(sheet)
  sheet.begin = (resource, startMs) => {
    begin(resource, startMs)
    if (resource.length > 0) points.push(`${pairs(resource)} since ${startMs}`)
  }
  for (const [i, files] of machines.entries()) {
    points.length = 0
    sheet.clear()
    try {
      await one!.scrape(useOf(files, unread, i * 1000), sheet)
    } catch (error) {
      failures.push((error as Error).message)
    }
  }
  return { points, failures, unread }
}

export const pointsOf = async (...asked: Parameters<typeof scraped>) => (await scraped(...asked)).points
