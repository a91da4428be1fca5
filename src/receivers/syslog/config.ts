import {
  bool,
  type ConfigOf,
  duration,
  endpoint,
  int,
  map,
  object,
  oneOf,
  path,
  size,
  text,
  tlsServer,
} from '../../config/fields.ts'
import { newZone } from '../../wire/syslog/parse/time-zone.ts'

const addAttributes = () =>
  bool().default(false).describe('Add the addresses of both ends as attributes net.* (logs only).')

/** Settings of the receiver. */
export const config = object({
  tcp: object({
    listen_address: endpoint().describe('TCP address to listen on.'),
    tls: tlsServer().optional().describe('Certificates; without them the port speaks plain TCP.'),
    max_log_size: size({ min: 1 }).optional().describe('As max_message_size, for this port.'),
    add_attributes: addAttributes(),
  })
    .optional()
    .describe('Listen for streams.'),
  udp: object({
    listen_address: endpoint().describe('UDP address to listen on, IPv4.'),
    add_attributes: addAttributes(),
    receive_buffer: size({ min: 1 })
      .default('4MiB')
      .describe('Receive buffer to ask of the kernel, which grants at most net.core.rmem_max.'),
  })
    .optional()
    .describe('Listen for datagrams, one message each.'),
  unix: object({
    transport: oneOf(['unixgram']).default('unixgram').describe('Datagrams, one message each.'),
    path: path()
      .default('/dev/log')
      .describe('Where the socket is made; a socket that nobody holds any more is replaced.'),
  })
    .optional()
    .describe('Listen on a local socket, as /dev/log (Linux).'),
  protocol: oneOf(['auto', 'rfc5424', 'rfc3164'])
    .default('auto')
    .describe('How messages are read; auto: each as what it looks like.'),
  mode: oneOf(['lenient', 'strict'])
    .default('lenient')
    .describe('strict: RFC 5424 to the letter and envelopes as the Log Cache syslog server makes them.'),
  location: text()
    .refine((name) => zoneFault(name) === undefined, { error: ({ input }) => zoneFault(String(input)) ?? '' })
    .default('UTC')
    .describe('Time zone of timestamps without an offset, such as Europe/Berlin.'),
  enable_octet_counting: bool()
    .optional()
    .describe('TCP: messages begin with their length. Left out: lenient takes both, strict counts.'),
  non_transparent_framing_trailer: oneOf(['LF', 'NUL']).optional().describe('TCP: messages end with this byte.'),
  allow_skip_pri_header: bool()
    .default(true)
    .describe('Accepted for the sake of Collector files: lenient takes messages without a priority.'),
  on_error: oneOf(['send', 'drop'])
    .default('send')
    .describe('lenient with a named protocol: what becomes of messages that are not it. send: their text alone.'),
  body: oneOf(['original', 'message'])
    .default('original')
    .describe('Body of a log record: the message as it came, or its text alone (then without attribute message).'),
  attributes: map().default({}).describe('Attributes for every log record.'),
  resource: map().default({}).describe('Attributes of the resource of all log records.'),
  trim_message_whitespace: bool()
    .optional()
    .describe(
      'Envelopes: leave out white space around the text, else one line feed at its end. Left out: strict only.',
    ),
  max_message_size: size({ min: 16, max: 16 << 20 })
    .default(66_560)
    .describe('Longest message. lenient: longer ones are cut; strict: the connection ends.'),
  idle_timeout: duration().default('2m').describe('A connection without a message for so long is closed; 0: never.'),
  max_connections: int({ min: 1 }).default(10_000).describe('Connections beyond this are closed at once and counted.'),
}).refine(({ tcp, udp, unix }) => tcp ?? udp ?? unix, {
  error: 'it listens nowhere: write tcp: {listen_address: "127.0.0.1:514"}, or a block udp or unix',
})

/** Why there is no such time zone. */
function zoneFault(name: string): string | undefined {
  try {
    newZone(name)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

export type SyslogConfig = ConfigOf<typeof config>
