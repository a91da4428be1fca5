import {
  type Batch,
  type ClientTls,
  type Clock,
  clientTlsFrom,
  Dropped,
  deliveryBudget,
  type Exporter,
  type GrpcClient,
  type Host,
  type Log,
  type LogSeries,
  newGrpcClient,
  newLogSeries,
  type Queued,
  queued,
  Retryable,
  resolveAddresses,
  sent,
} from 'tailrace/plugin'
import type { FirehoseConfig } from './config.ts'
import { newDopplerLookup } from './doppler-lookup.ts'
import { DopplerPool } from './doppler-pool.ts'
import { EnvelopeAverage } from './envelope-average.ts'
import { type Protocol, v1, v2 } from './protocols.ts'

/** What tests replace: chance and the name service. */
export interface Surroundings {
  random(): number
  resolve(host: string): Promise<string[]>
}

const world: Surroundings = { random: Math.random, resolve: resolveAddresses }

const noDoppler = (config: FirehoseConfig) => {
  const text = 'unable to write to any dopplers'
  return config.retry_on_failure.enabled ? new Retryable(text) : new Dropped('connection', text)
}

/** What dopplers accept in one message. */
const maxMessageBytes = 10 << 20

/** A queue and a pool of streams for each protocol; the v1 streams are opened by the first v1 envelopes. */
export function newFirehoseExporter(config: FirehoseConfig, host: Host, around: Surroundings = world): Exporter {
  const tls = clientTlsFrom(config.tls, host)
  const budget = deliveryBudget(config, host)
  const lanes = { v2: newLane(v2), v1: newLane(v1) }
  host.gauge('connections', 'Open connections to dopplers.', () => lanes.v2.pool.open + lanes.v1.pool.open)

  function newLane(protocol: Protocol): Lane {
    const { name } = protocol
    const log = host.log.named(name)
    const trouble = newLogSeries(log, host.clock)
    const pool = newPool(protocol, config, { ...around, log, trouble, clock: host.clock, tls })
    const average = new EnvelopeAverage(host.clock)
    host.gauge('streams', 'Open streams to dopplers.', () => pool.open, { protocol: name })
    host.gauge('average_envelope_bytes', 'Mean size of the envelopes sent in the last minute.', () => average.value, {
      protocol: name,
    })
    const sender = {
      connect: () => average.start(),
      async send(batch: Batch, signal: AbortSignal) {
        pool.start()
        const { bytes, writes, payloadBytes } = protocol.frame(batch)
        if (!(await pool.send(bytes, writes, signal))) throw noDoppler(config)
        average.add(payloadBytes, batch.count)
        return sent(batch.count)
      },
      close() {
        average.stop()
        trouble.close()
        return pool.close()
      },
    }
    // A message has a few bytes around its one record.
    const maxRecordBytes = maxMessageBytes - 16
    const { random } = around
    const labels = { protocol: name }
    return { pool, queue: queued(config, host, sender, { labels, part: name, budget, maxRecordBytes, random }) }
  }

  const each = [lanes.v2, lanes.v1]
  return {
    async start() {
      lanes.v2.pool.start()
      for (const { queue } of each) await queue.start()
    },
    async stop(deadline) {
      await Promise.all(each.map(({ queue }) => queue.stop(deadline)))
    },
    consume: (batch) => lanes[batch.format === 'dropsonde' ? 'v1' : 'v2'].queue.consume(batch),
    admissions: () => each.flatMap(({ queue }) => queue.admissions()),
    ready: () => each.some(({ pool }) => pool.open > 0),
  }
}

interface Lane {
  readonly pool: DopplerPool
  readonly queue: Queued
}

interface PoolUse extends Surroundings {
  log: Log
  trouble: LogSeries
  clock: Clock
  tls: ClientTls | undefined
}

function newPool(protocol: Protocol, config: FirehoseConfig, use: PoolUse): DopplerPool {
  const { log, trouble, clock, tls, random, resolve } = use
  const routerAddrWithAz = config.router_addr_with_az
  const lookup = newDopplerLookup({ routerAddr: config.router_addr.text, routerAddrWithAz, resolve, random })
  const newClient = (address: string): GrpcClient =>
    newGrpcClient({
      address,
      tls,
      serverName: config.tls?.server_name_override ?? 'doppler',
      keepalive: { intervalMs: 15_000, timeoutMs: 15_000, withoutStreams: true },
      log,
      clock,
      random,
    })
  const { connections, recycle_after: recycleAfter } = config
  return new DopplerPool({
    path: protocol.path,
    lookup,
    newClient,
    connections,
    recycleAfter,
    clock,
    log,
    trouble,
    random,
  })
}
