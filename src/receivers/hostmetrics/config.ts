import { bool, duration, list, object, oneOf, text } from '../../config/fields.ts'
import { patternFault } from '../../ottl/go-regex.ts'
import type { ConfigOf } from '../../plugin.ts'
import { metricsOf, type ScraperName } from './metrics.ts'

/** `{enabled}` */
const switched = (isOn: boolean, description: string) =>
  object({ enabled: bool().default(isOn).describe('Whether it is made.') })
    .default({})
    .describe(description)

/** `metrics: {name: {enabled}}` of one scraper, with the defaults of its table. */
const metricFields = (scraper: ScraperName) =>
  object(
    Object.fromEntries(
      Object.entries(metricsOf[scraper]).map(([name, { off, description }]) => [
        name,
        switched(off !== true, description),
      ]),
    ),
  )
    .default({})
    .describe('Which metrics are made.')

const filter = (names: string, what: string) =>
  object({
    [names]: list(text()).describe(what),
    match_type: oneOf(['strict', 'regexp']).describe('strict: whole names. regexp: regular expressions (RE2).'),
  }).superRefine(({ match_type, [names]: patterns }, ctx) => {
    if (match_type !== 'regexp') return
    for (const [i, pattern] of (patterns as string[]).entries()) {
      const message = patternFault(pattern)
      if (message) ctx.addIssue({ code: 'custom', path: [names, i], message })
    }
  })

const which = (names: string, verb: string) => filter(names, 'Names or patterns.').optional().describe(verb)

const mute = (what: string) => bool().default(false).describe(`Says nothing ${what}.`)

const processAttributes = {
  'process.pid': 'Its number.',
  'process.parent_pid': 'Number of its parent.',
  'process.executable.name': 'The name of the process.',
  'process.executable.path': 'Path of what it runs.',
  'process.command': 'The first of its arguments: the command.',
  'process.command_line': 'All of its arguments.',
  'process.owner': 'Name of its user.',
  'process.cgroup': 'Its control groups.',
}

const scrapers = object({
  cpu: object({ metrics: metricFields('cpu') })
    .optional()
    .describe('Time of each processor.'),
  load: object({
    cpu_average: bool().default(false).describe('Divides the load by the number of processors.'),
    metrics: metricFields('load'),
  })
    .optional()
    .describe('Load averages.'),
  memory: object({ metrics: metricFields('memory') })
    .optional()
    .describe('Memory by what it is used for.'),
  disk: object({
    include: which('devices', 'Only these devices.'),
    exclude: which('devices', 'Not these devices.'),
    metrics: metricFields('disk'),
  })
    .optional()
    .describe('Traffic of each block device.'),
  filesystem: object({
    include_devices: which('devices', 'Only these devices.'),
    exclude_devices: which('devices', 'Not these devices.'),
    include_fs_types: which('fs_types', 'Only these types.'),
    exclude_fs_types: which('fs_types', 'Not these types.'),
    include_mount_points: which('mount_points', 'Only these mount points.'),
    exclude_mount_points: which('mount_points', 'Not these mount points.'),
    include_virtual_filesystems: bool().default(false).describe('Also those without a device, such as tmpfs.'),
    metrics: metricFields('filesystem'),
  })
    .optional()
    .describe('Space of each mounted file system.'),
  network: object({
    include: which('interfaces', 'Only these interfaces.'),
    exclude: which('interfaces', 'Not these interfaces.'),
    metrics: metricFields('network'),
  })
    .optional()
    .describe('Traffic of each interface, and TCP connections by state.'),
  paging: object({ metrics: metricFields('paging') })
    .optional()
    .describe('Swap space and page faults.'),
  processes: object({ metrics: metricFields('processes') })
    .optional()
    .describe('Processes by status.'),
  process: object({
    include: which('names', 'Only these processes.'),
    exclude: which('names', 'Not these processes.'),
    scrape_process_delay: duration({ min: '0s' }).default(0).describe('How long a process must have run.'),
    mute_process_all_errors: mute('of whatever cannot be read'),
    mute_process_name_error: mute('of processes that cannot be read'),
    mute_process_exe_error: mute('of executables that cannot be read'),
    mute_process_io_error: mute('of disk counters that cannot be read'),
    mute_process_user_error: mute('of users that have no name'),
    mute_process_cgroup_error: mute('of control groups that cannot be read'),
    resource_attributes: object(
      Object.fromEntries(
        Object.entries(processAttributes).map(([name, description]) => [
          name,
          switched(name !== 'process.cgroup', description),
        ]),
      ),
    )
      .default({})
      .describe('What tells processes apart.'),
    metrics: metricFields('process'),
  })
    .optional()
    .describe('Processor time, memory and disk traffic of each process, which is a resource of its own.'),
  nfs: object({ metrics: metricFields('nfs') })
    .optional()
    .describe('Client and server of NFS.'),
  system: object({ metrics: metricFields('system') })
    .optional()
    .describe('How long the machine has been running.'),
})

/** The Collector's options of its hostmetrics receiver. */
export const config = object({
  collection_interval: duration({ min: '1ms' }).default('1m').describe('Time between two scrapes.'),
  initial_delay: duration({ min: '0s' }).default('1s').describe('Time before the first.'),
  timeout: duration({ min: '0s' })
    .default(0)
    .describe('How long a scrape waits for file systems that do not answer; 0: 5s.'),
  root_path: text().default('').describe('Where the file system of the host is, from inside a container: `/hostfs`.'),
  scrapers: scrapers
    .refine(
      (chosen) => Object.values(chosen).some((one) => one !== undefined),
      'must specify at least one scraper, such as `cpu:` or `memory:`',
    )
    .describe('What is measured. A scraper is on when it is named.'),
})

export type HostMetricsConfig = ConfigOf<typeof config>
export type Scrapers = HostMetricsConfig['scrapers']
