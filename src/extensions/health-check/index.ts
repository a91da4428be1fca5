import { formatAddress } from '../../net/address.ts'
import type { GrpcServer } from '../../net/grpc-server.ts'
import { type HttpServer, newHttpServer, type Route } from '../../net/http-server.ts'
import { serverTlsFrom } from '../../net/tls-settings.ts'
import { defineExtension, type Host } from '../../plugin.ts'
import { type HealthSources, healthStatus, liveness, readiness } from './answer.ts'
import { config, type HealthConfig } from './config.ts'
import { Checkup } from './details.ts'

/** Says over HTTP and gRPC whether the agent can do its work. */
export default defineExtension({
  type: 'health_check',
  aliases: ['healthcheckv2'],
  stability: 'beta',
  summary: 'Answers 200 while every required component can do its work, 503 before, after and otherwise.',
  config,
  resources: (settings) =>
    listened(settings).flatMap(({ endpoint }) => (endpoint.port === 0 ? [] : [`tcp ${endpoint.text}`])),
  create({ config: settings, host }) {
    const { clock } = host
    const startedAt = clock.now()
    const checkup = () => new Checkup(host.status(), settings.component_health, { now: clock.now(), startedAt })
    const http = newHttp(settings, host, { status: () => host.status(), checkup, now: () => clock.now() })
    let grpc: GrpcServer | undefined
    const note = (address: string) => host.log.info('Starting health_check extension', { endpoint: address })
    return {
      async start() {
        if (http) note(formatAddress(await http.start()))
        grpc = await newGrpc(settings, host, checkup)
        if (grpc) note(formatAddress(await grpc.start()))
      },
      async stop(deadline) {
        await Promise.all([http?.stop(deadline), grpc?.stop(deadline)])
      },
    }
  },
})

function newHttp(settings: HealthConfig, host: Host, sources: HealthSources): HttpServer | undefined {
  const { use_v2: isSecond, http } = settings
  if (isSecond && !http && !settings.grpc) throw new Error('use_v2: true takes http: {} or grpc: {} to listen on')
  if (isSecond && !http) return undefined
  const { endpoint, tls } = isSecond ? http! : settings
  const ready = readiness(isSecond ? undefined : settings.response_body, sources)
  const routes: Record<string, Route> = { '/live': liveness, '/ready': ready }
  if (!isSecond || http!.status.enabled) routes[isSecond ? http!.status.path : '/status'] = healthStatus(sources)
  if (!isSecond) routes[settings.path] = ready
  if (http?.config.enabled)
    host.log.warn('http.config: the configuration is not shown here; tailrace print-config does')
  return newHttpServer({ endpoint, tls: serverTlsFrom(tls, host), routes, log: host.log })
}

/** Loaded when it is asked for. */
async function newGrpc({ use_v2, grpc }: HealthConfig, host: Host, checkup: () => Checkup) {
  if (!use_v2 || !grpc) return undefined
  const [{ newGrpcServer }, { healthMethods }] = await Promise.all([
    import('../../net/grpc-server.ts'),
    import('./grpc-health.ts'),
  ])
  const { endpoint, tls } = grpc
  const methods = healthMethods(checkup, host.clock)
  return newGrpcServer({
    endpoint,
    tls: serverTlsFrom(tls, host),
    methods,
    memory: host.budget,
    log: host.log,
    clock: host.clock,
  })
}

/** Where it will listen. */
function listened({ use_v2: isSecond, endpoint, http, grpc }: HealthConfig) {
  return isSecond ? [http, grpc].filter((each) => each !== undefined) : [{ endpoint }]
}
