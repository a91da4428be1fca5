import { once } from 'node:events'
import { createServer } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { canonical } from '../support/canonical.ts'
import { counter, ingressClient, log, sendDatagrams } from '../support/client.ts'
import type { Message } from '../support/decode.ts'
import {
  forwarderEnv,
  loggregatorAgentEnv,
  promScraperEnv,
  statsdInjectorEnv,
  udpForwarderEnv,
  vmEnv,
} from '../support/environments.ts'
import { newFolder } from '../support/folder.ts'
import { readGolden } from '../support/golden.ts'
import { type Role, startRole } from '../support/role.ts'
import { startCollectorSink, startDopplerSink, startIngressSink } from '../support/sinks.ts'

const tags = { AGENT_TAGS: 'deployment:cf,job:router,index:0,ip:10.0.0.1' }
const fields = { DEPLOYMENT: 'cf', JOB: 'router', INDEX: '0', IP: '10.0.0.1' }
const otel = { EMIT_OTEL_METRICS: 'true', EMIT_OTEL_LOGS: 'true', EMIT_OTEL_TRACES: 'true' }
const statsdAt = /^Started statsd-injector listener at (\S+)$/

/** Where each kind of sender finds its agent. */
interface Doors {
  grpc: string
  udp: string
  statsd: string
}

/** What arrives at the ends: other agents, a collector, Doppler. */
async function ends() {
  const [agent, collector, doppler] = await Promise.all([startIngressSink(), startCollectorSink(), startDopplerSink()])
  const downstreams = [{ port: agent.port }, { port: collector.port, protocol: 'otelcol' }]
  return { agent, collector, doppler, downstreams }
}

async function target(): Promise<string> {
  const page = '# TYPE requests counter\nrequests 7\n# TYPE memory gauge\nmemory{unit="bytes"} 5\n'
  const server = createServer((_, response) => void response.end(page)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as { port: number }
  const file = `port: ${port}\nsource_id: scraped\nscrape_interval: 300ms\n`
  return `${newFolder({ 'job/prom_scraper_config.yml': file })}/*/prom_scraper_config.yml`
}

async function inOneProcess(args: string[] = []) {
  const all = await ends()
  const env = vmEnv({ downstreams: all.downstreams, router: all.doppler.address, globs: await target() })
  const role = await startRole('vm', { ...env, ...tags, ...fields, ...otel }, { args })
  return {
    ...all,
    role,
    doors: { grpc: await role.grpc(), udp: await role.udp(), statsd: await role.address(statsdAt) },
  }
}

async function inFiveProcesses() {
  const all = await ends()
  const metron = await startRole('loggregator-agent', {
    ...loggregatorAgentEnv(all.doppler.address),
    ...tags,
    AGENT_DISABLE_UDP: 'true',
  })
  const metronPort = Number((await metron.grpc()).split(':')[1])
  const hub = await startRole('forwarder-agent', {
    ...forwarderEnv([...all.downstreams, { port: metronPort }]),
    ...tags,
    ...otel,
  })
  const grpc = await hub.grpc()
  const [udp, statsd] = await Promise.all([
    startRole('udp-forwarder', { ...udpForwarderEnv(grpc), ...fields }),
    startRole('statsd-injector', statsdInjectorEnv(Number(grpc.split(':')[1]))),
    startRole('prom-scraper', promScraperEnv(grpc, await target())),
  ])
  return { ...all, role: hub, doors: { grpc, udp: await udp.udp(), statsd: await statsd.address(statsdAt) } }
}

const datagrams = readGolden('udp-forwarder').filter(({ output }) => output.length === 1)

async function traffic({ grpc, udp, statsd }: Doors): Promise<void> {
  const client = ingressClient(grpc)
  await client.send([
    log('one', { tags: { k: 'v' } }),
    counter('hits', { delta: 3n }),
    counter('hits', { delta: 4n }),
    {
      timestamp: 1n,
      source_id: '',
      gauge: { metrics: { cpu: { unit: 'percentage', value: 0.5 } } },
      tags: { origin: 'o' },
    },
    { timestamp: 1n, source_id: 'app', event: { title: 't', body: 'b' } },
  ])
  await sendDatagrams(
    udp,
    datagrams.map(({ input }) => input),
  )
  await sendDatagrams(statsd, ['uaa.logins:3|c\nuaa.logins:+4|c', 'uaa.load:1.5|g'])
}

/** Everything that arrived, each thing once, without the times at which it was made. */
const shapes = (envelopes: readonly Message[]) => [
  ...new Set(
    envelopes
      .map(({ timestamp, ...rest }) => ({
        ...rest,
        ...(['uaa', 'scraped'].includes(rest.source_id) ? {} : { timestamp }),
      }))
      .map(canonical),
  ),
]

async function outcome(run: Awaited<ReturnType<typeof inOneProcess>>) {
  await traffic(run.doors)
  const wanted = 5 + datagrams.length + 3
  const own = (envelopes: Message[]) => envelopes.filter(({ source_id }) => source_id !== 'scraped').length
  const scraped = (envelopes: Message[]) => envelopes.filter(({ source_id }) => source_id === 'scraped').length
  const enough = (envelopes: Message[]) => own(envelopes) >= wanted && scraped(envelopes) >= 2
  await run.agent.until('everything at the agent', () => enough(run.agent.envelopes()))
  await run.doppler.until('everything at doppler', () => enough(run.doppler.v2()))
  await run.collector.until('logs at the collector', () => run.collector.logs().length >= 2)
  return { agent: shapes(run.agent.envelopes()).sort(), doppler: shapes(run.doppler.v2()).sort() }
}

test('one process sends what five in a row send', async () => {
  const one = await outcome(await inOneProcess())
  const five = await outcome(await inFiveProcesses())
  expect(one.agent).toEqual(five.agent)
  expect(one.doppler).toEqual(five.doppler)
  expect(one.doppler).toEqual(one.agent)
})

test('v1 datagrams reach doppler as v2, and the four pages keep their ports and series', async () => {
  const { role, doors, doppler } = await inOneProcess()
  await sendDatagrams(doors.udp, [datagrams[0]!.input])
  await doppler.until('the envelope', () => doppler.v2().some(({ source_id }) => source_id === 'gorouter'))
  expect(doppler.v1()).toEqual([])
  const pages = role.lines.filter((line) => line.startsWith('Metrics endpoint is listening on '))
  expect(pages.length).toBe(4)
  await expectSeries(role)
})

async function expectSeries(role: Role): Promise<void> {
  const page = await role.metrics()
  expect(page.get('ingress')).toBeGreaterThan(0)
  expect(page.get('dropped{direction="ingress"}')).toBe(0)
  expect(page.sum('egress_expired_total')).toBe(0)
}

test('drains and ends with 0 as soon as it is done', async () => {
  const { role } = await inOneProcess(['--set', 'service.shutdown_timeout=60s'])
  const { code, tookMs } = await role.stop()
  expect(code).toBe(0)
  expect(tookMs).toBeLessThan(30_000)
})
