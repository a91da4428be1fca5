import { isIP } from 'node:net'
import { bool, type ConfigOf, duration, int, list, object, oneOf, size, text, tlsClient } from '../../config/fields.ts'
import { deliveryFields } from '../../delivery/fields.ts'
import { type Address, parseAddress } from '../../net/address.ts'
import { facilityNames, severityNames } from '../../wire/syslog/from-otlp/levels.ts'
import { newZone } from '../../wire/syslog/parse/time-zone.ts'

const names = (...otherwise: string[]) => list().default(otherwise)

/** Which attributes the parts of a message are made of. */
const mapping = object({
  priority: names('priority').describe('Facility * 8 + severity, 0 to 191.'),
  facility: names('facility').describe('Number or name of the facility, for records without a priority.'),
  severity: names().describe("Number or name of the severity; else it is the record's severity number."),
  hostname: names('hostname', 'host.name').describe('HOSTNAME.'),
  app_name: names('appname', 'service.name').describe('APP-NAME, or the tag of RFC 3164.'),
  proc_id: names('proc_id', 'process.pid').describe('PROCID.'),
  msg_id: names('msg_id').describe('MSGID.'),
  structured_data: names('structured_data').describe('Structured data: a map of maps, as receiver syslog makes it.'),
  message: names('message').describe('Text; without such an attribute it is the body.'),
  element: names().describe(
    'Attributes that are put into an element of structured data of their own, unless they are empty.',
  ),
  element_id: text().default('attributes').describe('SD-ID of that element; `@enterprise_number` is added to it.'),
  enterprise_number: int({ min: 0 })
    .default(47_450)
    .describe('Private enterprise number in the id of that element. Default: that of Cloud Foundry.'),
  all_attributes: bool()
    .default(false)
    .describe('Put every attribute of a record that nothing else is made of into that element.'),
  default_facility: oneOf(facilityNames as [string, ...string[]])
    .default('user')
    .describe('Where the record has none.'),
  default_severity: oneOf(severityNames as [string, ...string[]])
    .default('info')
    .describe('Where the record has none.'),
  default_hostname: text()
    .optional()
    .describe('HOSTNAME of records without one; left out: the name of this machine. `-` says that it is not known.'),
  default_app_name: text().default('-').describe('APP-NAME of records without one.'),
})
  .default({})
  .describe('Names of attributes for the parts of a message, the best first: of the record, or of its resource.')

/** Settings of the exporter. */
export const config = object({
  endpoint: text({ matches: /\S/, expected: 'a host, host:port, or a path' }).describe(
    'Where to send to: a host name or address (with or without a port), or the path of a local socket.',
  ),
  port: int({ min: 1, max: 65_535 }).default(514).describe('Port, where the endpoint does not say it.'),
  network: oneOf(['tcp', 'udp', 'unix', 'unixgram'])
    .default('tcp')
    .describe('unix: a local stream; unixgram: a local datagram socket such as /dev/log (Linux).'),
  protocol: oneOf(['rfc5424', 'rfc3164']).default('rfc5424').describe('Format of the messages made of log records.'),
  enable_octet_counting: bool()
    .default(false)
    .describe('Streams: each message begins with its length. Else it ends with a line feed, and has no other.'),
  tls: tlsClient().default({}).describe('TCP: TLS is on unless `insecure: true`.'),
  mapping,
  envelope_metadata: bool().default(true).describe('Envelopes: write their tags as structured data.'),
  location: text()
    .refine((name) => zoneFault(name) === undefined, { error: ({ input }) => zoneFault(String(input)) ?? '' })
    .default('UTC')
    .describe('Time zone of RFC 3164 timestamps, such as Europe/Berlin or Local.'),
  max_message_size: size({ min: 0 })
    .default(0)
    .describe('Longer messages are cut; 0: not at all, but datagrams at 65,507 bytes.'),
  keepalive: duration({ min: '1s' }).default('15s').describe('TCP keep-alive after this long without traffic.'),
  idle_timeout: duration({ min: '0s' })
    .default('0s')
    .describe('A stream that was not used for so long is closed; it is opened again when needed. 0: never.'),
  write_timeout: duration({ min: '0s' })
    .default('1m')
    .describe(
      'A stream whose peer has not taken a batch (`max_batch_bytes` at most) after so long is given up; 0: never.',
    ),
  on_broken_write: oneOf(['drop', 'repeat'])
    .default('drop')
    .describe(
      'What was being written when a stream broke, of which the peer may have a part. drop: it is lost and counted. repeat: the peer may get it twice.',
    ),
  ...deliveryFields({ max_batch_bytes: '256KiB', initial_interval: '1s' }),
}).superRefine(({ endpoint, network }, report) => {
  const isPath = network === 'unix' || network === 'unixgram'
  if (isPath || addressOf(endpoint, 514)) return
  const message = `cannot be read: ${JSON.stringify(endpoint)}; write a host, host:port or [IPv6]:port`
  report.addIssue({ code: 'custom', path: ['endpoint'], message })
})

export type SyslogConfig = ConfigOf<typeof config>

/** Host and port of `logs.example.com`, `10.0.0.1:6514`, `[::1]:514` or `::1`; undefined when it is none of these. */
export function addressOf(endpoint: string, port: number): Address | undefined {
  if (isIP(endpoint) || /^[^:/\s[\]]+$/.test(endpoint)) return { host: endpoint, port }
  try {
    const address = parseAddress(endpoint)
    return address.host === '' || address.port === 0 ? undefined : address
  } catch {
    return undefined
  }
}

/** Why there is no such time zone. */
function zoneFault(name: string): string | undefined {
  try {
    newZone(name)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
