import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { config } from './config.ts'
import { parseBootTime, parseCpuTimes } from './cpu.ts'
import { parseDiskstats } from './disk.ts'
import { parseDeviceTypes, parseMountInfo } from './filesystem.ts'
import { metricsOf, type ScraperName } from './metrics.ts'
import { countTcpStates, parseNetDev } from './network.ts'
import { parseSwaps } from './paging.ts'
import { kilobytes, named } from './parse.ts'
import { statusOf } from './processes.ts'
import { newScrapers } from './scrapers.ts'
import type { SystemFiles } from './system-files.ts'

// Texts of a machine of two processors, shortened; what is odd in them is told by the tests.
const stat = `cpu  1048381 271 150901 1834800 9890 0 16577 533295 0 0
cpu0 537790 13 72952 903283 5161 0 9138 267596 0 0
cpu1 510590 258 77948 931517 4729 0 7438 265699 0 0
intr 38928171 0 0
ctxt 77777
btime 1795240000
processes 24905
procs_running 3
`
const texts: Record<string, string> = {
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
  '/proc/17/stat': '17 (a) Z) name) S 1 17 17 0 -1',
  '/proc/18/stat': '18 (x) Z 1 17 17 0 -1',
  '/proc/19/stat': '19 (x) ? 1 17 17 0 -1',
}

const machine = (changed: Record<string, string | undefined> = {}): SystemFiles => ({
  read(path) {
    const text = path in changed ? changed[path] : texts[path]
    if (text === undefined) throw new Error(`ENOENT: ${path}`)
    return text
  },
  names: () => ['1x', '17', '18', '19', '20', 'self'],
  space: async (mountPoint) => {
    if (mountPoint === '/gone') throw new Error('/gone: EIO')
    return { bsize: 4096, blocks: 1000, bfree: 400, bavail: 350, files: 100, ffree: 90 }
  },
})

/** Points as `metric{key=value,...} number`, of one scrape or several. */
async function scraped(name: ScraperName, settings: object = {}, machines: SystemFiles[] = [machine()]) {
  const metrics = Object.fromEntries(Object.keys(metricsOf[name]).map((metric) => [metric, { enabled: true }]))
  const parsed = config.parse({ scrapers: { [name]: { metrics, ...settings } } } as never)
  const [one] = newScrapers(parsed)
  const points: string[] = []
  const failures: string[] = []
  const { sheet } = one!
  const add = sheet.add.bind(sheet)
  sheet.add = (metric, value, ...attributes) => {
    const { count } = sheet
    add(metric, value, ...attributes)
    if (sheet.count === count) return
    const pairs = attributes
      .map((each, i) => (i % 2 === 0 ? `${each}=` : each))
      .join(',')
      .replaceAll('=,', '=')
    points.push(`${metric.replace('system.', '')}{${pairs}} ${value}`)
  }
  for (const files of machines) {
    points.length = 0
    sheet.clear()
    await Promise.resolve(one!.scrape({ files, now: 0 }, sheet)).catch((error: Error) => failures.push(error.message))
  }
  return { points, failures }
}

const pointsOf = async (...asked: Parameters<typeof scraped>) => (await scraped(...asked)).points

describe('cpu', () => {
  test('times are seconds by processor and state', async () => {
    const points = await pointsOf('cpu')
    expect(points).toContain('cpu.time{cpu=cpu0,state=user} 5377.9')
    expect(points).toContain('cpu.time{cpu=cpu1,state=steal} 2656.99')
    expect(points).toContain('cpu.logical.count{} 2')
    expect(points).toContain('cpu.physical.count{} 1')
    expect(points).toContain('cpu.frequency{cpu=cpu1} 2100500000')
    expect(points.filter((point) => point.startsWith('cpu.time'))).toHaveLength(16)
  })
  test('utilization is the share since the last scrape; an interval that counts backwards says nothing', async () => {
    const at = (user: number, idle: number) => machine({ '/proc/stat': `cpu0 ${user} 0 0 ${idle} 0 0 0 0\n` })
    expect(await pointsOf('cpu', {}, [at(100, 100), at(125, 175)])).toContain(
      'cpu.utilization{cpu=cpu0,state=user} 0.25',
    )
    expect((await pointsOf('cpu', {}, [at(100, 100), at(5, 175)])).join()).not.toContain('utilization')
  })
  test('columns that an old kernel does not have make no points', async () => {
    const points = await pointsOf('cpu', {}, [machine({ '/proc/stat': 'cpu0 1 2 3 4\n' })])
    expect(points.filter((point) => point.startsWith('cpu.time'))).toHaveLength(4)
  })
  test('tells when the machine started', () => {
    expect(parseBootTime(stat)).toBe(1_795_240_000_000)
    expect(parseBootTime('')).toBe(0)
  })
})

test('load averages, also for each processor', async () => {
  expect(await pointsOf('load')).toEqual([
    'cpu.load_average.1m{} 5.46',
    'cpu.load_average.5m{} 4.96',
    'cpu.load_average.15m{} 4.37',
  ])
  expect((await pointsOf('load', { cpu_average: true }))[0]).toBe('cpu.load_average.1m{} 2.73')
})

test('memory by state', async () => {
  const points = await pointsOf('memory')
  expect(points).toContain(`memory.usage{state=used} ${(24684096 - 19937972 - 28188 - 2043480 - 350392) * 1024}`)
  expect(points).toContain(`memory.usage{state=cached} ${(2043480 + 350392) * 1024}`)
  expect(points).toContain(`linux.memory.available{} ${22031152 * 1024}`)
  expect(kilobytes(texts['/proc/meminfo']!).get('HugePages_Total')).toBe(7)
})

test('disks by direction, filtered; short lines are skipped', async () => {
  expect(await pointsOf('disk', { exclude: { devices: ['^loop\\d'], match_type: 'regexp' } })).toEqual([
    'disk.io{device=vda,direction=read} 15360000',
    'disk.operations{device=vda,direction=read} 1000',
    'disk.operation_time{device=vda,direction=read} 4',
    'disk.merged{device=vda,direction=read} 20',
    'disk.io{device=vda,direction=write} 35840000',
    'disk.operations{device=vda,direction=write} 500',
    'disk.operation_time{device=vda,direction=write} 8',
    'disk.merged{device=vda,direction=write} 60',
    'disk.pending_operations{device=vda} 9',
    'disk.io_time{device=vda} 1',
    'disk.weighted_io_time{device=vda} 11',
  ])
  const only = await pointsOf('disk', { include: { devices: ['loop0'], match_type: 'strict' } })
  expect(only.every((point) => point.includes('loop0'))).toBe(true)
})

describe('filesystem', () => {
  test('those on devices, once each; one that vanished is told and takes nobody with it', async () => {
    const { points, failures } = await scraped('filesystem')
    const root = 'device=/dev/root,mode=rw,mountpoint=/,type=ext4'
    expect(points.slice(0, 6)).toEqual([
      `filesystem.usage{${root},state=used} 2457600`,
      `filesystem.usage{${root},state=free} 1433600`,
      `filesystem.usage{${root},state=reserved} 204800`,
      `filesystem.inodes.usage{${root},state=used} 10`,
      `filesystem.inodes.usage{${root},state=free} 90`,
      `filesystem.utilization{${root}} ${600 / 950}`,
    ])
    expect(points[6]).toContain('device=/dev/vdb,mode=ro,mountpoint=/with space,type=ext4')
    expect(points).toHaveLength(12)
    expect(failures).toEqual(['/gone: EIO'])
  })
  test('virtual ones when asked for; filters by device, type and mount point', async () => {
    const settings = {
      include_virtual_filesystems: true,
      exclude_fs_types: { fs_types: ['proc'], match_type: 'strict' },
      include_mount_points: { mount_points: ['^/(dev|with)'], match_type: 'regexp' },
      exclude_devices: { devices: ['/dev/vdb'], match_type: 'strict' },
    }
    const points = await pointsOf('filesystem', settings)
    expect(new Set(points.map((point) => /device=([^,]*)/.exec(point)![1]))).toEqual(new Set(['tmpfs']))
  })
  test('one that never answers is given up at the timeout, and not asked again; two at most hold threads', async () => {
    let asked = 0
    const stuck = machine()
    stuck.space = () => {
      asked++
      return new Promise(() => {})
    }
    const parsed = config.parse({ timeout: '5ms', scrapers: { filesystem: {} } })
    const [one] = newScrapers(parsed)
    await expect(one!.scrape({ files: stuck, now: 0 }, one!.sheet)).rejects.toThrow('does not answer')
    expect(asked).toBe(2)
    await expect(one!.scrape({ files: stuck, now: 0 }, one!.sheet)).rejects.toThrow('does not answer')
    expect(asked).toBe(2)
  })
})

describe('network', () => {
  test('interfaces by direction, connections by state over both families', async () => {
    const points = await pointsOf('network', { exclude: { interfaces: ['lo'], match_type: 'strict' } })
    expect(points).toContain('network.io{device=eth0,direction=receive} 1474736654')
    expect(points).toContain('network.errors{device=eth0,direction=transmit} 3')
    expect(points).toContain('network.dropped{device=eth0:1,direction=transmit} 12')
    expect(points).toContain('network.connections{protocol=tcp,state=LISTEN} 2')
    expect(points).toContain('network.connections{protocol=tcp,state=TIME_WAIT} 0')
    expect(points).toContain('network.conntrack.max{} 262144')
    expect(points.join()).not.toContain('device=lo')
  })
  test('a machine without IPv6 is one', async () => {
    const points = await pointsOf('network', {}, [machine({ '/proc/net/tcp6': undefined })])
    expect(points).toContain('network.connections{protocol=tcp,state=LISTEN} 1')
  })
  test('from inside a container those of the first process of the host are read', () => {
    const asked: string[] = []
    const files = machine()
    files.read = (path) => {
      asked.push(path)
      return ''
    }
    const [one] = newScrapers(config.parse({ root_path: '/hostfs', scrapers: { network: {} } }))
    void one!.scrape({ files, now: 0 }, one!.sheet)
    expect(asked[0]).toBe('/proc/1/net/dev')
  })
})

test('swap and faults; a device that says nonsense is left out', async () => {
  expect(await pointsOf('paging')).toEqual([
    'paging.usage{device=/dev/zram0,state=used} 536870912',
    'paging.utilization{device=/dev/zram0,state=used} 0.5000019073559088',
    'paging.usage{device=/dev/zram0,state=free} 536866816',
    'paging.utilization{device=/dev/zram0,state=free} 0.4999980926440912',
    'paging.operations{direction=page_in,type=major} 3',
    'paging.operations{direction=page_out,type=major} 4',
    'paging.operations{direction=page_in,type=minor} 11',
    'paging.operations{direction=page_out,type=minor} 22',
    'paging.faults{type=major} 100',
    'paging.faults{type=minor} 900',
  ])
})

test('processes by status, whatever their names; one that ended meanwhile does not count', async () => {
  expect((await pointsOf('processes')).toSorted()).toEqual([
    'processes.count{status=blocked} 0',
    'processes.count{status=running} 0',
    'processes.count{status=sleeping} 1',
    'processes.count{status=unknown} 1',
    'processes.count{status=zombies} 1',
    'processes.created{} 24905',
  ])
})

test('no text makes a parser throw, or a number that is none', () => {
  const pieces = fc.constantFrom(...Object.values(texts).flatMap((text) => text.split('\n')), ' ', ':', ' - ', '\\777')
  const text = fc.oneof(
    fc.string(),
    fc.array(pieces).map((each) => each.join('\n')),
  )
  fc.assert(
    fc.property(text, (any) => {
      for (const value of parseCpuTimes(any).values()) expect(value).toHaveLength(8)
      parseDiskstats(any)
      parseMountInfo(any)
      parseDeviceTypes(any)
      parseNetDev(any)
      countTcpStates(any, new Map())
      parseSwaps(any)
      kilobytes(any)
      named(any)
      statusOf(any)
    }),
  )
})

test('settings that cannot be are refused with what to do', () => {
  const refused = (written: object) => String(config.safeParse(written).error)
  expect(refused({ scrapers: {} })).toContain('at least one scraper')
  expect(refused({ scrapers: { process: {} } })).toContain('use processes for counts')
  expect(refused({ scrapers: { cpu: { metrics: { 'system.cpu.tim': { enabled: false } } } } })).toContain(
    'system.cpu.tim',
  )
})
