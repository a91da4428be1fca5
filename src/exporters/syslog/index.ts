import { queued } from '../../delivery/queued.ts'
import type { Sender } from '../../delivery/sender.ts'
import { formatAddress } from '../../net/address.ts'
import { newLogSeries } from '../../net/log-series.ts'
import { defineExporter, type Exporter, type Host } from '../../plugin.ts'
import { BatchMessages } from './batch-messages.ts'
import { addressOf, config, type SyslogConfig } from './config.ts'
import { udpOpener, unixgramPort } from './datagram-ports.ts'
import { newDatagramSender } from './datagram-sender.ts'
import { tcpDial, unixDial } from './dial.ts'
import { newStreamSender } from './stream-sender.ts'

/** Sends log records and envelopes as syslog. */
export default defineExporter({
  type: 'syslog',
  stability: 'beta',
  summary: 'Sends log records and envelopes as syslog (RFC 5424, RFC 3164) by TCP, TLS, UDP and local sockets.',
  takes: ['logs', 'envelopes'],
  delivery: {
    semantics: 'at most once',
    order: 'kept',
    on_kill: 'what is queued (10,000 records by default) and what is on the wire; nothing with `sending_queue.storage`',
  },
  config,
  create: ({ config, host }) => newSyslogExporter(config, host),
})

/** How often a name is looked up again for datagrams: a stream that breaks says so, they do not. */
const renewMs = 60_000

function newSyslogExporter(config: SyslogConfig, host: Host): Exporter {
  const messages = new BatchMessages(config)
  host.total('truncated_messages', 'Messages cut at max_message_size.', () => messages.truncated)
  const address = addressOf(config.endpoint, config.port)
  const destination = isPath(config) ? config.endpoint : formatAddress(address!)
  const log = host.log.named(`-> ${destination}`)
  // One connection keeps the order; the timeout is that of connecting.
  const settings = { ...config, timeout: 0, sending_queue: { ...config.sending_queue, num_consumers: 1 } }
  const labels = { protocol: 'syslog', destination }
  return queued(settings, { ...host, log }, newSender(config, messages, { ...host, log }), { labels })
}

const isPath = ({ network }: SyslogConfig) => network === 'unix' || network === 'unixgram'

function newSender(config: SyslogConfig, messages: BatchMessages, host: Host): Sender {
  const { clock, log } = host
  const { endpoint, network } = config
  const address = addressOf(endpoint, config.port)!
  const trouble = newLogSeries(log, clock)
  if (network === 'udp') {
    const refused = (text: string) => trouble.note('refused', text)
    const sender = newDatagramSender({
      open: udpOpener(address, config.timeout || 60_000, clock, refused),
      messages,
      clock,
      renewMs,
    })
    return closing(sender, () => trouble.close())
  }
  if (network === 'unixgram')
    return newDatagramSender({ open: async () => unixgramPort(endpoint, clock), messages, clock, renewMs: 0 })
  const dial = network === 'unix' ? unixDial(endpoint) : tcpDial(address, config, host)
  return newStreamSender({ dial, messages, config, clock, trouble })
}

function closing(sender: Sender, also: () => void): Sender {
  return {
    ...sender,
    async close() {
      await sender.close()
      also()
    },
  }
}
