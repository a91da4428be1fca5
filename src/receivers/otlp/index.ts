import { type Authenticator, serverAuthenticator } from '../../extensions/authenticator.ts'
import { formatAddress } from '../../net/address.ts'
import { type Component, defineReceiver, type Host, type Intakes } from '../../plugin.ts'
import { listenAddress, type OtlpReceiverConfig, otlpConfig } from './config.ts'
import { newOtlpGrpc } from './grpc.ts'
import { newOtlpHttp } from './http.ts'
import { type Inlet, newInlet } from './inlet.ts'

/** OTLP from SDKs, agents and Collectors, over gRPC and HTTP. */
export default defineReceiver({
  type: 'otlp',
  stability: 'beta',
  summary: 'Takes logs, metrics and traces as OTLP over gRPC and HTTP (protobuf and JSON).',
  config: otlpConfig,
  makes: ['logs', 'metrics', 'traces'],
  pushesBack: true,
  resources: ({ protocols }) =>
    [protocols.grpc, protocols.http].flatMap((each) =>
      each ? [`tcp ${formatAddress(listenAddress(each.endpoint))}`] : [],
    ),
  create: ({ config, host, intakes }) => newOtlpReceiver(config, host, intakes),
})

interface Door {
  readonly name: string
  readonly inlet: Inlet
  readonly auth: { readonly authenticator: string } | undefined
  readonly server: {
    start(): Promise<{ host: string; port: number }>
    stop(signal?: AbortSignal): Promise<void>
  }
}

function newOtlpReceiver({ protocols }: OtlpReceiverConfig, host: Host, intakes: Intakes): Component {
  const authenticators = new Map<string, Required<Pick<Authenticator, 'authenticate'>>>()
  const doors: Door[] = []
  if (protocols.grpc) {
    const inlet = newInlet(host, intakes, 'grpc')
    const server = newOtlpGrpc(protocols.grpc, host, inlet, () => authenticators.get('grpc'))
    doors.push({ name: 'grpc', inlet, auth: protocols.grpc.auth, server })
  }
  if (protocols.http) {
    const inlet = newInlet(host, intakes, 'http')
    const server = newOtlpHttp(protocols.http, host, inlet, () => authenticators.get('http'))
    doors.push({ name: 'http', inlet, auth: protocols.http.auth, server })
  }
  return {
    async start() {
      // Extensions have started by now.
      for (const { name, auth } of doors) {
        if (auth) authenticators.set(name, serverAuthenticator(host, auth.authenticator))
      }
      for (const { name, server } of doors) {
        const address = formatAddress(await server.start())
        host.log.info(`listening for OTLP over ${name}`, { address })
      }
    },
    async stop(deadline) {
      await Promise.all(doors.map(({ server }) => server.stop(deadline)))
      for (const { inlet } of doors) inlet.close()
    },
  }
}
