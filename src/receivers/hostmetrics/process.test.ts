import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { config } from './config.ts'
import { closed, machine, scraped } from './machine.fixture.ts'
import { parseArguments, parseProcessIo, parseProcessStat, parseProcessStatus, parseUsers } from './process-files.ts'

// Fields from the fourth on: parent, six others, faults of two kinds with those of children, times with those of children,
// priority, nice, threads, a zero, start; and so on until the time of waiting for disks.
const statOf = (name: string, { start = 5000, user = 250 } = {}) =>
  `17 (${name}) S 1 17 17 0 -1 4194560 900 0 7 0 ${user} 50 0 0 20 0 3 0 ${start} 1000000 250 ${'0 '.repeat(17)}25 0 0\n`
const status = `Name:	x
Uid:	33	34	34	34
VmSize:	    2048 kB
VmRSS:	    1024 kB
ShdPnd:	0000000000010003
voluntary_ctxt_switches:	40
nonvoluntary_ctxt_switches:	4
`
const texts = {
  '/proc': '17',
  '/proc/uptime': '100.50 190.00\n',
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n',
  '/proc/17/stat': statOf('a) S (b'),
  '/proc/17/status': status,
  '/proc/17/cmdline': '/usr/bin/a\0--one\0two three\0',
  '/proc/17/exe': '/usr/bin/a (deleted)',
  '/proc/17/cgroup': '0::/system.slice/a.service\n',
  '/proc/17/io':
    'rchar: 9\nwchar: 8\nsyscr: 7\nsyscw: 6\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 0\n',
  '/proc/17/fd': '0 1 2 5',
}
type Changes = Record<string, string | undefined>
const of = (settings: object = {}, ...changes: Changes[]) =>
  scraped(
    'process',
    settings,
    (changes.length > 0 ? changes : [{}]).map((each) => machine({ ...texts, ...each })),
  )
const names = async (settings: object, changes: Changes = {}) =>
  (await of(settings, changes)).points.flatMap((line) => /process\.executable\.name=([^,]*)/.exec(line)?.[1] ?? [])

describe('process', () => {
  test('is a resource, with its points, sums since it began', async () => {
    const { points, failures, unread } = await of({ resource_attributes: { 'process.cgroup': { enabled: true } } })
    expect(failures).toEqual([])
    expect(unread).toEqual([])
    expect(points).toEqual([
      'process.pid=17,process.parent_pid=1,process.executable.name=a) S (b,process.executable.path=/usr/bin/a (deleted),' +
        'process.command=/usr/bin/a,process.command_line=/usr/bin/a --one two three,process.owner=www-data,' +
        'process.cgroup=0::/system.slice/a.service since 1795240050000',
      'process.cpu.time{state=user} 2.5',
      'process.cpu.time{state=system} 0.5',
      'process.cpu.time{state=wait} 0.25',
      'process.memory.usage{} 1048576',
      'process.memory.virtual{} 2097152',
      `process.memory.utilization{} ${(100 * 1024) / 24684096}`,
      'process.paging.faults{type=major} 7',
      'process.paging.faults{type=minor} 900',
      'process.signals_pending{} 3',
      'process.threads{} 3',
      'process.context_switches{type=involuntary} 4',
      'process.context_switches{type=voluntary} 40',
      'process.uptime{} 50.5',
      'process.disk.io{direction=read} 4096',
      'process.disk.io{direction=write} 8192',
      'process.disk.operations{direction=read} 7',
      'process.disk.operations{direction=write} 6',
      'process.open_file_descriptors{} 4',
    ])
  })

  test('utilization is its part of all processors since the last scrape, unless its id is of another now', async () => {
    const later = { '/proc/17/stat': statOf('a', { user: 290 }) }
    expect((await of({}, {}, later)).points).toContain('process.cpu.utilization{state=user} 0.19999999999999996')
    const other = { '/proc/17/stat': statOf('a', { user: 290, start: 6000 }) }
    expect((await of({}, {}, other)).points.join()).not.toContain('utilization{state')
  })

  test('a name that the kernel has cut is that of the command', async () => {
    const cut = { '/proc/17/stat': statOf('a-very-long-nam') }
    expect(await names({}, { ...cut, '/proc/17/cmdline': '/opt/a-very-long-name-indeed\0' })).toEqual([
      'a-very-long-name-indeed',
    ])
    expect(await names({}, { ...cut, '/proc/17/cmdline': 'renamed\0' })).toEqual(['a-very-long-nam'])
  })

  test('is chosen by its name, and left out while it is young', async () => {
    const two = {
      '/proc': '17 18',
      '/proc/18/stat': statOf('b'),
      '/proc/18/status': status,
      '/proc/17/stat': statOf('a'),
    }
    expect(await names({}, two)).toEqual(['a', 'b'])
    expect(await names({ include: { names: ['b'], match_type: 'strict' } }, two)).toEqual(['b'])
    expect(await names({ exclude: { names: ['^b'], match_type: 'regexp' } }, two)).toEqual(['a'])
    const young = { ...two, '/proc/18/stat': statOf('b', { start: 10_000 }) }
    expect(await names({ scrape_process_delay: '10s' }, young)).toEqual(['a'])
    expect(await names({}, { ...two, '/proc/18/stat': statOf('b', { start: 10_100 }) })).toEqual(['a', 'b'])
  })

  test('that vanishes at any moment is no fault', async () => {
    for (const path of Object.keys(texts).filter((each) => each.startsWith('/proc/17/'))) {
      const { failures, unread } = await of({}, { [path]: undefined })
      expect([path, failures, unread]).toEqual([path, [], []])
    }
    const without = await of({}, { '/proc/17/status': undefined })
    expect(without.points).toEqual([])
  })

  test('of the kernel has no command, no executable and no memory', async () => {
    const { points } = await of(
      {},
      { '/proc/17/cmdline': '', '/proc/17/exe': undefined, '/proc/17/status': 'Uid:\t0\t0\n' },
    )
    expect(points[0]).toContain(
      'process.executable.path=,process.command=,process.command_line=,process.owner=root since',
    )
    expect(points).toContain('process.memory.usage{} 0')
  })

  const shut = { '/proc/17/exe': closed, '/proc/17/io': closed, '/proc/17/fd': closed, '/etc/passwd': '' }

  test('that is closed to us is told, with the option that mutes it, and makes the points that it can', async () => {
    const { points, failures, unread } = await of({}, shut)
    expect(failures).toEqual([
      'exe of 1 processes (pid 17: EACCES: /proc/17/exe; mute_process_exe_error: true says nothing of it), ' +
        'user of 1 processes (pid 17: nobody has the uid 33; mute_process_user_error: true says nothing of it), ' +
        'io of 1 processes (pid 17: EACCES: /proc/17/io; mute_process_io_error: true says nothing of it), ' +
        'fd of 1 processes (pid 17: EACCES: /proc/17/fd)',
    ])
    expect(unread).toEqual(['exe', 'user', 'io', 'fd'])
    expect(points).toContain('process.threads{} 3')
    expect(points.join()).not.toContain('disk')
    expect(points.join()).not.toContain('process.owner')
  })

  test('has no owner where there is no list of users, and all other points', async () => {
    const { points, unread } = await of({ mute_process_user_error: true }, { '/etc/passwd': undefined })
    expect(unread).toEqual(['user'])
    expect(points).toContain('process.threads{} 3')
    expect(points.join()).not.toContain('process.owner')
  })

  test('is counted also when it is muted', async () => {
    const some = { mute_process_exe_error: true, mute_process_io_error: true, mute_process_user_error: true }
    expect((await of(some, shut)).failures).toEqual(['fd of 1 processes (pid 17: EACCES: /proc/17/fd)'])
    const all = await of({ mute_process_all_errors: true }, shut)
    expect(all.failures).toEqual([])
    expect(all.unread).toHaveLength(4)
    const hidden = await of({ mute_process_name_error: true }, { '/proc/17/stat': closed })
    expect(hidden).toEqual({ points: [], failures: [], unread: ['name'] })
  })

  test('reads nothing for what is switched off', async () => {
    const off = { enabled: false }
    const settings = {
      resource_attributes: { 'process.executable.path': off, 'process.owner': off, 'process.command': off },
      metrics: { 'process.disk.io': off },
    }
    const { unread } = await of(settings, shut)
    expect(unread).toEqual([])
  })

  test('a command line has an end', async () => {
    const { points } = await of({}, { '/proc/17/cmdline': 'x'.repeat(1 << 20) })
    expect(points[0]!.length).toBeLessThan(40_000)
  })
})

test('system says how long it has been running', async () => {
  expect((await scraped('system', {}, [machine(texts)])).points).toEqual(['uptime{} 100.5'])
})

test('no text makes a parser throw', () => {
  const pieces = fc.constantFrom(...Object.values(texts).flatMap((text) => text.split(/(?=[ :\n\0])/)), '(', ')')
  const text = fc.oneof(
    fc.string(),
    fc.array(pieces).map((each) => each.join('')),
  )
  fc.assert(
    fc.property(text, (any) => {
      const stat = parseProcessStat(any)
      if (stat) expect(stat.start + stat.parent).toBeGreaterThanOrEqual(0)
      parseProcessStatus(any)
      parseProcessIo(any)
      parseArguments(any)
      parseUsers(any)
    }),
  )
})

test('all of its settings are those of the Collector', () => {
  const written = {
    include: { names: ['a'], match_type: 'strict' },
    mute_process_all_errors: true,
    resource_attributes: { 'process.cgroup': { enabled: true } },
    metrics: { 'process.handles': { enabled: true } },
  }
  expect(config.safeParse({ scrapers: { process: written } }).success).toBe(true)
  expect(config.safeParse({ scrapers: { process: { resource_attributes: { 'process.x': {} } } } }).success).toBe(false)
})
