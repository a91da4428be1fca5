import type { Endpoint } from '../../config/fields.ts'
import { formatAddress } from '../../net/address.ts'
import { newUdpListener } from '../../net/udp.ts'
import { watchKernelDrops } from '../../net/udp-drops.ts'
import { type Component, defineReceiver, type Host, type Intakes } from '../../plugin.ts'
import { newAggregatingDatagrams } from './aggregate.ts'
import { config, type StatsdConfig } from './config.ts'
import { newInjectorDatagrams } from './injector.ts'

/** Listens for StatsD and DogStatsD lines. */
export default defineReceiver({
  type: 'statsd',
  stability: 'beta',
  summary: 'Listens for StatsD by UDP: aggregates lines to metrics per interval, or makes an envelope of each.',
  config,
  makes: ({ mode }) => (mode === 'injector' ? ['envelopes'] : ['metrics']),
  pushesBack: false,
  resources: ({ endpoint }) => [`udp ${formatAddress(boundTo(endpoint))}`],
  create: ({ config, host, intakes }) => newStatsdReceiver(config, host, intakes),
})

/** The socket is an IPv4 one, whatever the system thinks `localhost` is. */
const boundTo = ({ host, port }: { host: string; port: number }) => ({
  host: host === 'localhost' ? '127.0.0.1' : host,
  port,
})

/** The original calls the loopback by its name. */
const shown = ({ host, port, text }: Endpoint) =>
  boundTo({ host, port }).host === '127.0.0.1' ? `localhost:${port}` : text

function newStatsdReceiver(config: StatsdConfig, host: Host, intakes: Intakes): Component {
  const { clock, log } = host
  const isInjector = config.mode === 'injector'
  const datagrams = isInjector
    ? newInjectorDatagrams(config, host, intakes.envelopes!)
    : newAggregatingDatagrams(config, host, intakes.metrics!)
  const listener = newUdpListener({
    endpoint: boundTo(config.endpoint),
    onPacket: datagrams.take,
    receiveBufferBytes: config.receive_buffer,
    log,
    clock,
  })
  // A datagram holds one record at least; how many, nobody knows.
  const drops = watchKernelDrops(listener, clock, (n) => host.dropped('socket_overflow', n))
  return {
    async start() {
      if (isInjector) log.line(`Listening for statsd on hostport ${shown(config.endpoint)}`)
      const address = formatAddress(await listener.start())
      datagrams.start()
      drops.start()
      if (isInjector) log.line(`Started statsd-injector listener at ${address}`)
      else log.info('listening for StatsD', { address })
    },
    async stop() {
      drops.stop()
      await listener.stop()
      datagrams.stop()
    },
  }
}
