import { parseDenyRanges } from '../../drains/deny-ranges.ts'
import {
  bool,
  type ConfigOf,
  duration,
  endpoint,
  extensionId,
  int,
  list,
  object,
  path,
  size,
  text,
  tlsClient,
} from '../../plugin.ts'

/** What is wrong with ranges of addresses; empty when nothing is. */
function rangesFault(ranges: string): string {
  try {
    parseDenyRanges(ranges)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

/** The settings of `syslog_drains`. */
export const fields = object({
  bindings: object({
    url: text()
      .default('')
      .describe('Binding cache, such as https://cache.example:9000. Asked only when tls.ca_file is set too.'),
    tls: tlsClient().optional().describe('Certificates for the cache; server_name_override is the name it must have.'),
    polling_interval: duration()
      .default('1m')
      .describe('Time between two requests; between nothing and once as much is added, the same every time.'),
    timeout: duration({ min: '1ms' }).default('30s').describe('For a whole answer of the cache.'),
  })
    .default({})
    .describe('Where the drains of applications come from, and aggregate drains unless aggregate_drains names some.'),
  aggregate_drains: list().default([]).describe('URLs of drains that get what all applications and components write.'),
  aggregate_refresh_interval: duration({ min: '1ms' })
    .default('1m')
    .describe('How often the cache is asked for aggregate drains, and their connections are made anew.'),
  max_drains_per_app: int({ min: 0 }).default(5).describe('Drains of one application, by the order of their URLs.'),
  default_metadata: bool().default(true).describe('Whether tags are written when the URL of a drain does not say.'),
  denied_ranges: text()
    .refine((ranges) => rangesFault(ranges) === '', { error: ({ input }) => rangesFault(String(input)) })
    .default('')
    .describe('Addresses that drains of applications must not reach: a-b,c-d or blocks such as 10.0.0.0/8.'),
  warn_on_invalid_drains: bool().default(false).describe('Whether drains that are no drains are told in the log.'),
  idle_timeout: duration({ min: '1ms' })
    .default('10m')
    .describe('A drain without messages for this long gives back its connection until the next one.'),
  max_connection_age: duration()
    .default(0)
    .describe("Connections of applications' drains are made anew after this long; 0: never."),
  dial_timeout: duration({ min: '1ms' }).default('10s').describe('For name, TCP and TLS together.'),
  write_timeout: duration({ min: '1ms' }).default('10s').describe('How long a TCP or TLS drain may read nothing.'),
  answer_timeout: duration({ min: '1ms' }).default('20s').describe('How long an HTTPS drain may take for an answer.'),
  batch_interval: duration({ min: '1ms' }).default('1s').describe('How long https-batch gathers at most.'),
  queue_size: int({ min: 1 }).default(10_000).describe('Messages that may wait for one drain; then the oldest go.'),
  queue_bytes: size({ min: 65_536 }).default('16MiB').describe('Memory that may wait for one drain.'),
  max_memory: size({ min: 65_536 }).default('256MiB').describe('Memory that may wait for all drains together.'),
  sending_queue: object({
    storage: extensionId()
      .optional()
      .describe(
        'Id of the extension that keeps on disk what does not fit into the memory of a drain: `file_storage`. A folder for each drain, as long as it needs one.',
      ),
    max_drains: int({ min: 1 })
      .default(100)
      .describe('Drains that may have a folder at a time; the others go on without, as if there were no storage.'),
  })
    .default({})
    .describe('More room for drains that are slow or away.'),
  max_write: size({ min: 4096 }).default('256KiB').describe('Most bytes on their way to one TCP or TLS drain.'),
  max_round_interval: duration()
    .default('10ms')
    .describe('Many busy drains are written to in rounds, at most this far apart; few are written to at once.'),
  tls: object({
    insecure_skip_verify: bool().default(false).describe('Trust every drain.'),
    cipher_suites: text()
      .default('')
      .describe('Suites for TLS 1.2, OpenSSL or IANA names with colons between; forces TLS 1.2. Empty: the safe ones.'),
    ca_file: path().optional().describe('PEM file of authorities to trust beside those of the system.'),
  })
    .default({})
    .describe('How TLS and HTTPS drains are trusted; each also trusts the authority of its binding.'),
  notices: object({
    endpoint: endpoint().optional().describe('Agent that takes lines for the streams of applications. Without: none.'),
    tls: tlsClient().optional().describe('Certificates for it.'),
  })
    .default({})
    .describe("Where lines about a drain's trouble go, into the stream of the application it belongs to."),
})

export type SyslogDrainsConfig = ConfigOf<typeof fields>
