import { formatAddress } from '../../net/address.ts'
import { newUdpListener } from '../../net/udp.ts'
import { watchKernelDrops } from '../../net/udp-drops.ts'
import { type Component, defineReceiver, type Host, type Intake } from '../../plugin.ts'
import { config, type DropsondeConfig } from './config.ts'
import { newDatagrams } from './datagrams.ts'

/** Takes v1 envelopes by UDP, one a datagram, unsigned: what dropsonde clients send. */
export default defineReceiver({
  type: 'dropsonde',
  stability: 'beta',
  summary: 'Listens for v1 (dropsonde) envelopes by UDP, one a datagram.',
  config,
  makes: ['dropsonde'],
  pushesBack: false,
  resources: ({ endpoint, disabled }) => (disabled ? [] : [`udp ${formatAddress(endpoint)}`]),
  create: ({ config, host, intakes }) => {
    // A receiver that no pipeline uses is never made: there is one intake.
    return config.disabled ? idle : newDropsondeReceiver(config, host, intakes.dropsonde!)
  },
})

const idle: Component = { start: () => Promise.resolve(), stop: () => Promise.resolve() }

function newDropsondeReceiver(config: DropsondeConfig, host: Host, intake: Intake): Component {
  const { clock, log } = host
  const datagrams = newDatagrams(intake, host)
  const listener = newUdpListener({
    endpoint: config.endpoint,
    onPacket: datagrams.take,
    receiveBufferBytes: config.receive_buffer,
    log,
    clock,
  })
  const drops = watchKernelDrops(listener, clock, (n) => host.dropped('socket_overflow', n))
  return {
    async start() {
      const address = formatAddress(await listener.start())
      drops.start()
      for (const line of config.announce) log.line(line.replace('{address}', address))
    },
    async stop() {
      drops.stop()
      await listener.stop()
      datagrams.flush()
    },
  }
}
