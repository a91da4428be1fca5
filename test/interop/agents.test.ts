import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import * as grpc from '@grpc/grpc-js'
import { StatsD } from 'hot-shots'
import { Counter, Gauge, Histogram, Registry, Summary } from 'prom-client'
import { expect, onTestFinished, test } from 'vitest'
import { certificate } from '../support/certificates.ts'
import { log, textOf } from '../support/client.ts'
import { decodeEnvelopeBatch, encodeEnvelope, encodeEnvelopeBatch, type Message } from '../support/decode.ts'
import { forwarderEnv, promScraperEnv, statsdInjectorEnv } from '../support/environments.ts'
import { newFolder } from '../support/folder.ts'
import { startRole, until } from '../support/role.ts'
import { ingressPaths, startIngressSink } from '../support/sinks.ts'

// Roles between clients and servers that other people wrote.

const raw = (path: string, requestStream: boolean) => ({
  path,
  requestStream,
  responseStream: false,
  requestSerialize: (bytes: Buffer) => bytes,
  requestDeserialize: (bytes: Buffer) => bytes,
  responseSerialize: (bytes: Buffer) => bytes,
  responseDeserialize: (bytes: Buffer) => bytes,
})
const service = {
  sender: raw(ingressPaths.sender, true),
  batchSender: raw(ingressPaths.batchSender, true),
  send: raw(ingressPaths.send, false),
}

test('grpc-js on both sides of the forwarder agent: every method in, batches out, in order', async () => {
  const got: Message[] = []
  const { ca, cert, key } = certificate('metron')
  const pem = { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key) }
  const server = new grpc.Server()
  server.addService(service, {
    batchSender: (call: grpc.ServerReadableStream<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
      call.on('data', (bytes: Buffer) => void got.push(...decodeEnvelopeBatch(bytes)))
      call.on('end', () => done(null, Buffer.alloc(0)))
    },
  })
  const credentials = grpc.ServerCredentials.createSsl(pem.ca, [{ cert_chain: pem.cert, private_key: pem.key }], true)
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error ? reject(error) : resolve(bound))),
  )
  onTestFinished(() => server.forceShutdown())
  const role = await startRole('forwarder-agent', forwarderEnv([{ port }]))
  const Client = grpc.makeGenericClientConstructor(service, 'Ingress')
  const client = new Client(await role.grpc(), grpc.credentials.createSsl(pem.ca, pem.key, pem.cert), {
    'grpc.ssl_target_name_override': 'metron',
  })
  onTestFinished(() => client.close())
  const stream = (method: 'sender' | 'batchSender', messages: Buffer[]) =>
    new Promise<void>((resolve, reject) => {
      const call = client[method]!((error: Error | null) => (error ? reject(error) : resolve()))
      for (const message of messages) call.write(message)
      call.end()
    })
  await stream('sender', [encodeEnvelope(log('1')), encodeEnvelope(log('2'))])
  await stream('batchSender', [encodeEnvelopeBatch([log('3'), log('4')]), encodeEnvelopeBatch([log('5')])])
  await new Promise<void>((resolve, reject) =>
    client.send!(encodeEnvelopeBatch([log('6')]), (error: Error | null) => (error ? reject(error) : resolve())),
  )
  await until('six envelopes', () => got.length === 6)
  expect(got.map(textOf)).toEqual(['1', '2', '3', '4', '5', '6'])
})

test('hot-shots, a StatsD client, through the StatsD injector', async () => {
  const sink = await startIngressSink()
  const role = await startRole('statsd-injector', statsdInjectorEnv(sink.port))
  const [host, port] = (await role.address(/^Started statsd-injector listener at (\S+)$/)).split(':')
  const client = new StatsD({ host: host!, port: Number(port), prefix: 'uaa.', maxBufferSize: 0 })
  onTestFinished(() => new Promise<void>((resolve) => client.close(() => resolve())))
  const sent = (send: (done: () => void) => void) => new Promise<void>((resolve) => send(() => resolve()))
  await sent((done) => client.increment('logins', 3, done))
  await sent((done) => client.increment('logins', 4, done))
  await sent((done) => client.gauge('load', 1.5, done))
  await sent((done) => client.timing('latency', 71, done))
  await sink.until('four lines', () => sink.count() === 4)
  const values = sink.envelopes().map(({ source_id, gauge }) => [source_id, gauge.metrics])
  expect(values).toEqual([
    ['uaa', { logins: { unit: 'counter', value: 3 } }],
    ['uaa', { logins: { unit: 'counter', value: 7 } }],
    ['uaa', { load: { unit: 'gauge', value: 1.5 } }],
    ['uaa', { latency: { unit: 'ms', value: 71 } }],
  ])
})

test('prom-client, a Prometheus library, through the prom scraper', async () => {
  const registry = new Registry()
  const registers = [registry]
  new Counter({ name: 'requests_total', help: 'h', labelNames: ['code'], registers }).inc({ code: '200' }, 6)
  new Gauge({ name: 'memory', help: 'with "quotes" and \\', labelNames: ['unit'], registers }).set({ unit: 'bytes' }, 5)
  const histogram = new Histogram({ name: 'latency', help: 'h', buckets: [1, 1_000_000], registers })
  const summary = new Summary({ name: 'size', help: 'h', percentiles: [0.5], registers })
  for (const observer of [histogram, summary]) observer.observe(2)
  const server = createServer(async (_, response) => void response.end(await registry.metrics())).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as { port: number }
  const folder = newFolder({ 'a.yml': `port: ${port}\nsource_id: app\nscrape_interval: 200ms\n` })
  const sink = await startIngressSink()
  await startRole('prom-scraper', promScraperEnv(sink.address, `${folder}/*.yml`))
  await sink.until('a scrape', () => sink.count() >= 10)
  const got = sink.envelopes().map(({ gauge, counter, tags }) => ({ ...gauge?.metrics, ...counter, ...tags }))
  for (const wanted of [
    { name: 'requests_total', total: 6n, code: '200' },
    { memory: { unit: 'bytes', value: 5 } },
    { latency_sum: { value: 2 } },
    { name: 'latency_count', total: 1n },
    { name: 'latency_bucket', total: 1n, le: '1e+06' },
    { name: 'latency_bucket', total: 1n, le: '+Inf' },
    { size: { value: 2 }, quantile: '0.5' },
    { name: 'size_count', total: 1n },
  ])
    expect(got).toContainEqual(expect.objectContaining(wanted))
})
