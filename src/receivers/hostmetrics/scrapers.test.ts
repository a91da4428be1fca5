import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { config } from './config.ts'
import { parseBootTime, parseCpuTimes } from './cpu.ts'
import { parseDiskstats } from './disk.ts'
import { parseDeviceTypes, parseMountInfo } from './filesystem.ts'
import { machine, pointsOf, scraped, stat, texts, useOf } from './machine.fixture.ts'
import { countTcpStates, parseNetDev } from './network.ts'
import { parseSwaps } from './paging.ts'
import { kilobytes, named } from './parse.ts'
import { statusOf } from './processes.ts'
import { newScrapers } from './scrapers.ts'

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
    await expect(one!.scrape(useOf(stuck), one!.sheet)).rejects.toThrow('does not answer')
    expect(asked).toBe(2)
    await expect(one!.scrape(useOf(stuck), one!.sheet)).rejects.toThrow('does not answer')
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
    void one!.scrape(useOf(files), one!.sheet)
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

describe('nfs', () => {
  const client = 'net 0 3 17 2\nrpc 100 4 5\nproc3 22 0 11 12\nproc4 3 0 21 22\nproc9 1 1\n'
  const server =
    'rc 1 2 3\nfh 7 0 0 0 0\nio 4096 8192\nth 8 0 0.000\nnet 9 1 8 4\nrpc 50 6 1 2 3\nproc4 2 30 31\nproc4ops 4 0 0 0 40\n'

  test('client and server, calls by name; numbers that are not there make no points', async () => {
    const { points, failures } = await scraped('nfs', {}, [
      machine({ '/proc/net/rpc/nfs': client, '/proc/net/rpc/nfsd': server }),
    ])
    expect(failures).toEqual([])
    expect(points).toEqual([
      'nfs.client.net.count{network.transport=udp} 3',
      'nfs.client.net.count{network.transport=tcp} 17',
      'nfs.client.net.tcp.connection.accepted{} 2',
      'nfs.client.rpc.count{} 100',
      'nfs.client.rpc.retransmit.count{} 4',
      'nfs.client.rpc.authrefresh.count{} 5',
      'nfs.client.procedure.count{onc_rpc.version=3,onc_rpc.procedure.name=NULL} 0',
      'nfs.client.procedure.count{onc_rpc.version=3,onc_rpc.procedure.name=GETATTR} 11',
      'nfs.client.procedure.count{onc_rpc.version=3,onc_rpc.procedure.name=SETATTR} 12',
      'nfs.client.operation.count{onc_rpc.version=4,nfs.operation.name=NULL} 0',
      'nfs.client.operation.count{onc_rpc.version=4,nfs.operation.name=READ} 21',
      'nfs.client.operation.count{onc_rpc.version=4,nfs.operation.name=WRITE} 22',
      'nfs.server.repcache.requests{nfs.server.repcache.status=hit} 1',
      'nfs.server.repcache.requests{nfs.server.repcache.status=miss} 2',
      'nfs.server.repcache.requests{nfs.server.repcache.status=nocache} 3',
      'nfs.server.fh.stale.count{} 7',
      'nfs.server.io{network.io.direction=receive} 4096',
      'nfs.server.io{network.io.direction=transmit} 8192',
      'nfs.server.thread.count{} 8',
      'nfs.server.net.count{network.transport=udp} 1',
      'nfs.server.net.count{network.transport=tcp} 8',
      'nfs.server.net.tcp.connection.accepted{} 4',
      'nfs.server.rpc.count{error.type=format} 1',
      'nfs.server.rpc.count{error.type=auth} 2',
      'nfs.server.rpc.count{error.type=client} 3',
      'nfs.server.procedure.count{onc_rpc.version=4,onc_rpc.procedure.name=NULL} 30',
      'nfs.server.procedure.count{onc_rpc.version=4,onc_rpc.procedure.name=COMPOUND} 31',
      'nfs.server.operation.count{onc_rpc.version=4,nfs.operation.name=UNUSED_IGNORE0} 0',
      'nfs.server.operation.count{onc_rpc.version=4,nfs.operation.name=UNUSED_IGNORE1} 0',
      'nfs.server.operation.count{onc_rpc.version=4,nfs.operation.name=UNUSED_IGNORE2} 0',
      'nfs.server.operation.count{onc_rpc.version=4,nfs.operation.name=ACCESS} 40',
    ])
  })

  test('no text makes it throw', async () => {
    const numbers = fc.array(fc.oneof(fc.nat(), fc.string())).map((each) => each.join(' '))
    const line = fc.tuple(fc.constantFrom('net', 'rpc', 'proc3', 'proc4ops', 'rc', 'x'), numbers)
    const text = fc.array(line).map((each) => each.map((words) => words.join(' ')).join('\n'))
    await fc.assert(
      fc.asyncProperty(text, async (any) => {
        const { failures } = await scraped('nfs', {}, [
          machine({ '/proc/net/rpc/nfs': any, '/proc/net/rpc/nfsd': any }),
        ])
        expect(failures).toEqual([])
      }),
    )
  })

  test('a machine may be one of the two; one that is neither is told', async () => {
    const alone = await scraped('nfs', {}, [machine({ '/proc/net/rpc/nfsd': 'th 8' })])
    expect(alone).toMatchObject({ points: ['nfs.server.thread.count{} 8'], failures: [] })
    expect((await scraped('nfs')).failures).toEqual([
      'no NFS: there is neither /proc/net/rpc/nfs nor /proc/net/rpc/nfsd',
    ])
  })
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
  expect(refused({ scrapers: { cpu: { metrics: { 'system.cpu.tim': { enabled: false } } } } })).toContain(
    'system.cpu.tim',
  )
})
