import { expect, test } from 'vitest'
import { counter, ingressClient, log, sendDatagrams, textOf } from '../support/client.ts'
import { loggregatorAgentEnv } from '../support/environments.ts'
import { startRole } from '../support/role.ts'
import { dopplerPaths, startDopplerSink } from '../support/sinks.ts'

const v1Counter = Buffer.from('0a08676f726f7574657210073001520c0a0872657175657374731004', 'hex')

async function agent(env: Record<string, string> = {}) {
  const doppler = await startDopplerSink()
  const role = await startRole('loggregator-agent', { ...loggregatorAgentEnv(doppler.address), ...env })
  return { doppler, role }
}

test('A2: opens five v2 streams before anything comes, and as many for v1 with the first datagram', async () => {
  const { doppler, role } = await agent()
  await doppler.until('five streams', () => doppler.openStreams === 5)
  await role.line(new RegExp(`successfully established a stream to doppler ${doppler.address}$`))
  await sendDatagrams(await role.udp(), [v1Counter])
  await doppler.until('ten streams', () => doppler.openStreams === 10)
  const page = await role.metricsUntil((page) => page.sum('doppler_connections') === 10)
  expect(page.get('doppler_v1_streams{metric_version="2.0"}')).toBe(5)
  expect(page.get('doppler_v2_streams{metric_version="2.0"}')).toBe(5)
})

test('shows the page of the original with every counter at 0', async () => {
  const { role } = await agent()
  const page = await role.metrics()
  for (const version of ['1.0', '2.0']) {
    expect(page.get(`ingress{metric_version="${version}"}`)).toBe(0)
    expect(page.get(`egress{metric_version="${version}"}`)).toBe(0)
  }
  expect(page.get('dropped{direction="ingress",metric_version="2.0"}')).toBe(0)
  expect(page.get('dropped{direction="egress",metric_version="2.0"}')).toBe(0)
  expect(page.get('dropped{direction="all",metric_version="1.0"}')).toBe(0)
  expect(page.get('origin_mappings{unit="bytes/minute",metric_version="2.0"}')).toBe(0)
  expect(page.get('average_envelopes{unit="bytes/minute",metric_version="2.0",loggregator="v2"}')).toBe(0)
  expect(page.get('average_envelopes{unit="bytes/minute",metric_version="1.0",loggregator="v1"}')).toBe(0)
  expect(page.types.get('doppler_connections')).toBe('gauge')
  expect(page.types.get('egress')).toBe('counter')
})

test('v2 leaves as v2 with tags and totals, v1 as v1 with its fields (A6)', async () => {
  const { doppler, role } = await agent({
    AGENT_DEPLOYMENT: 'cf',
    AGENT_JOB: 'router',
    AGENT_INDEX: '0',
    AGENT_IP: '10.0.0.1',
    AGENT_TAGS: 'deployment:cf',
  })
  const client = ingressClient(await role.grpc())
  await client.send([counter('hits', { delta: 4n }), log('line')])
  await sendDatagrams(await role.udp(), [v1Counter])
  await doppler.until('both', () => doppler.v2().length === 2 && doppler.v1().length === 1)
  expect(doppler.v2()[0]).toMatchObject({ counter: { name: 'hits', delta: 4n, total: 4n }, tags: { deployment: 'cf' } })
  expect(doppler.v1()[0]).toEqual({
    origin: 'gorouter',
    eventType: 7,
    timestamp: 1n,
    counterEvent: { name: 'requests', delta: 4n, total: 4n },
    deployment: 'cf',
    job: 'router',
    index: '0',
    ip: '10.0.0.1',
    tags: { source_id: 'gorouter' },
  })
  const page = await role.metricsUntil((page) => page.sum('egress', 'metric_version=') === 3)
  expect(page.get('egress{metric_version="2.0"}')).toBe(2)
  expect(page.get('egress{metric_version="1.0"}')).toBe(1)
})

test('A5: LOGS_DISABLED keeps logs back, which still count as received', async () => {
  const { doppler, role } = await agent({ LOGS_DISABLED: 'true' })
  await ingressClient(await role.grpc()).send([log('x'), counter('hits', { delta: 1n })])
  await doppler.until('the counter', () => doppler.v2().length > 0)
  expect(doppler.v2().map(({ counter }) => counter?.name)).toEqual(['hits'])
  expect((await role.metrics()).get('ingress{metric_version="2.0"}')).toBe(2)
})

test('AGENT_DISABLE_UDP leaves out the port, the v1 streams and their series', async () => {
  const { doppler, role } = await agent({ AGENT_DISABLE_UDP: 'true' })
  await doppler.until('five streams', () => doppler.openStreams >= 5)
  const page = await role.metrics()
  expect([...page.series.keys()].filter((name) => /^\w+\{.*metric_version="1.0"/.test(name))).toEqual([])
  expect(page.series.has('doppler_v1_streams{metric_version="2.0"}')).toBe(false)
  expect(role.lines.some((line) => line.startsWith('udp bound to'))).toBe(false)
})

test('A3: the general name is used when the one of the zone cannot be looked up', async () => {
  const doppler = await startDopplerSink()
  const env = { ...loggregatorAgentEnv(doppler.address), ROUTER_ADDR_WITH_AZ: 'z1.doppler.invalid:8082' }
  const role = await startRole('loggregator-agent', env)
  await doppler.until('streams', () => doppler.openStreams >= 5)
  await ingressClient(await role.grpc()).send([log('x')])
  await doppler.until('an envelope', () => doppler.v2().length === 1)
})

test('A4: a stream moves to another doppler after so many writes; what was sent arrives once, the rest is counted', async () => {
  const doppler = await startDopplerSink()
  const args = ['recycle_after=5', 'max_batch_records=1'].flatMap((set) => ['--set', `exporters.firehose.${set}`])
  const env = { ...loggregatorAgentEnv(doppler.address), AGENT_DISABLE_UDP: 'true' }
  const role = await startRole('loggregator-agent', env, { args })
  await doppler.until('five streams', () => doppler.openStreams === 5)
  const client = ingressClient(await role.grpc())
  // One of five connections gets a fifth of them, the limit is 1004 at most.
  const texts = Array.from({ length: 6000 }, (_, i) => `${i}`)
  await client.send(texts.map((text) => log(text)))
  await role.line(/recycling connection to doppler after \d+ writes$/)
  const egress = 'egress{metric_version="2.0"}'
  const page = await role.metricsUntil((page) => page.get(egress) + page.sum('dropped', '2.0') === texts.length)
  await doppler.until('what was sent', () => doppler.received.length >= page.get(egress))
  expect(new Set(doppler.v2().map(textOf)).size).toBe(page.get(egress))
  await doppler.until('another stream', () => doppler.streams > 5)
})

test('B4: what cannot be sent is counted once and not sent again', async () => {
  const { doppler, role } = await agent({ AGENT_DISABLE_UDP: 'true' })
  await doppler.until('streams', () => doppler.openStreams >= 5)
  await doppler.stop()
  await role.metricsUntil((page) => page.sum('doppler_connections') === 0)
  await ingressClient(await role.grpc()).send(Array.from({ length: 5 }, () => log('lost')))
  const page = await role.metricsUntil((page) => page.get('dropped{direction="egress",metric_version="2.0"}') === 5)
  expect(page.get('egress{metric_version="2.0"}')).toBe(0)
  await doppler.restart()
  await doppler.until('streams again', () => doppler.openStreams >= 5)
  await ingressClient(await role.grpc()).send([log('after')])
  await doppler.until('what came later', () => doppler.received.length > 0)
  expect(doppler.v2().map(textOf)).toEqual(['after'])
  expect(doppler.received.every(({ path }) => path === dopplerPaths.v2)).toBe(true)
})
