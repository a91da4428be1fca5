import { settleAll } from '../../delivery/backlog.ts'
import type { Account, DiskState } from '../../delivery/ledger.ts'
import type { Trouble } from '../../delivery/progress.ts'
import { type QueueStorage, storageOf } from '../../delivery/queue-storage.ts'
import { type AppLines, newAppLines } from '../../drains/app-lines.ts'
import { parseDenyRanges } from '../../drains/deny-ranges.ts'
import { newResolver } from '../../net/resolver.ts'
import { clientTlsFrom } from '../../net/tls-settings.ts'
import { type Exporter, formatAddress, type Host, newGrpcClient, sleep } from '../../plugin.ts'
import { newFrameForm } from '../../wire/syslog/from-envelope/frame-form.ts'
import { newBindingsWatch } from './bindings-watch.ts'
import { ChunkPool } from './chunk-pool.ts'
import type { SyslogDrainsConfig } from './config.ts'
import { newDialer } from './dialer.ts'
import type { Drain, DrainWorld } from './drain.ts'
import { newDrainTrust } from './drain-trust.ts'
import { Notices } from './notices.ts'
import { Registry } from './registry.ts'
import { RetrySlots, retrySlots } from './retry-slots.ts'
import { Rounds } from './rounds.ts'
import { Router } from './router.ts'
import { SeriesTable } from './series.ts'
import { Shares } from './shares.ts'
import type { SpillWorld } from './spill.ts'
import { newTransports } from './transports.ts'

export function newSyslogDrains(config: SyslogDrainsConfig, host: Host): Exporter {
  const { clock, log } = host
  const account = host.account({ unit: 'messages' })
  const door = host.ledger.open('processor', host.id, { step: 'routing' })
  const pool = new ChunkPool(host.budget, host.id, config.max_memory)
  const rounds = new Rounds(clock, config.max_round_interval)
  const stream = noticeLines(config, host)
  const notices = new Notices(stream, log, clock)
  const world = newWorld(config, host, { account, pool, rounds, notices })
  const registry = new Registry(world)
  const router = new Router({ registry, rounds, pool, clock, account, door })
  const watch = newBindingsWatch({ config, host, registry, notices })
  const { storage, max_drains } = config.sending_queue
  account.held = () => sum(world.live, heldBy)
  account.trouble = () => troubleOf(world)
  if (storage !== undefined) account.disk = () => diskState(world)
  showGauges(host, registry, world, router)
  let stopping: Promise<void> | undefined
  let sweep: { cancel(): void } | undefined

  const sweepIdle = () => {
    const since = clock.monotonic() - config.idle_timeout
    for (const drain of world.live) if (drain.spec.app !== '' && drain.usedAt < since) drain.closeIdle()
    // Folders of the process before wait until there are few enough.
    if (world.spill && world.spill.left.size > 0) for (const drain of registry.all()) drain.resume()
    sweep = clock.after(Math.min(60_000, config.idle_timeout / 2), sweepIdle)
  }
  const stop = async (deadline: AbortSignal) => {
    watch.stop()
    sweep?.cancel()
    await Promise.all(Array.from(world.live, ({ spill }) => spill?.park()))
    for (const drain of world.live) drain.stop()
    while (world.live.size > 0 && !deadline.aborted) await sleep(clock, 5, deadline)
    for (const drain of world.live) drain.abort()
    rounds.close()
    notices.close()
    await stream?.close()
  }
  return {
    consume(batch) {
      if (stopping) {
        door.received += batch.count
        door.drop('shutdown', batch.count)
        settleAll(batch.receipts, { dropped: 'shutdown' })
        return
      }
      router.route(batch)
      // From here on they are messages of drains, each with a fate of its own.
      settleAll(batch.receipts, 'delivered')
    },
    admissions: () => [],
    ready: () => troubleOf(world) === undefined,
    async start() {
      if (storage !== undefined) world.spill = await newSpillWorld(storageOf(host, storage), max_drains, host, account)
      sweepIdle()
      await watch.start()
    },
    stop: (deadline) => (stopping ??= stop(deadline)),
  }
}

const heldBy = ({ ring, spill }: Drain): number => (ring ? ring.waiting + ring.taken : 0) + (spill?.messages ?? 0)

/** Of the drains that the operator gave; the one that has failed for longest. */
function troubleOf({ live }: DrainWorld): Trouble | undefined {
  let worst: Trouble | undefined
  for (const { trouble } of live)
    if (trouble && trouble.since < (worst?.since ?? Number.POSITIVE_INFINITY)) worst = trouble
  return worst
}

async function newSpillWorld(
  storage: QueueStorage,
  most: number,
  { id, clock, log }: Host,
  account: Account,
): Promise<SpillWorld> {
  const left = (await storage.parts?.(id)) ?? []
  return {
    storage,
    exporter: id,
    most,
    clock,
    log,
    open: new Set(),
    left: new Set(left),
    recovered: (messages) => {
      account.recovered += messages
    },
    kept: (messages) => {
      account.kept += messages
    },
  }
}

function diskState({ spill }: DrainWorld): DiskState {
  const open = [...(spill?.open ?? [])]
  const trouble = open.map((each) => each.trouble).find((text) => text !== undefined)
  return {
    records: sum(open, (each) => each.messages),
    bytes: sum(open, (each) => each.bytes),
    trouble,
    deadLetters: 0,
    deadLettersFailed: 0,
  }
}

/** Lines for the owners of drains; what waits beyond this many is lost. */
const maxNotices = 1000

function noticeLines({ notices: { endpoint, tls } }: SyslogDrainsConfig, host: Host): AppLines | undefined {
  if (!endpoint) return undefined
  const { clock } = host
  const lost = host.counter('lines_lost', 'Lines for app streams that could not be handed on.')
  const client = newGrpcClient({
    address: endpoint.text,
    tls: clientTlsFrom(tls, host),
    serverName: tls?.server_name_override,
    backoff: { maxMs: 5000 },
    log: host.log.named('app lines'),
    clock,
  })
  return newAppLines({ client, clock, maxWaiting: maxNotices, onLost: ({ length }) => lost.add(length) })
}

function newWorld(
  config: SyslogDrainsConfig,
  host: Host,
  parts: Pick<DrainWorld, 'account' | 'rounds' | 'notices'> & { pool: ChunkPool },
): DrainWorld {
  const { clock, log } = host
  const dialOf = newDialer({
    resolver: newResolver({ clock }),
    denied: parseDenyRanges(config.denied_ranges),
    contexts: newDrainTrust(config.tls, log),
    clock,
    timeoutMs: config.dial_timeout,
  })
  const settings = {
    writeTimeoutMs: config.write_timeout,
    answerTimeoutMs: config.answer_timeout,
    maxFlightBytes: config.max_write,
    maxAgeMs: config.max_connection_age,
    aggregateMaxAgeMs: config.aggregate_refresh_interval,
    onOpen: ({ url }: { url: { host: string; port: number } }) =>
      log.debug(`created conn to syslog drain: ${formatAddress(url)}`),
  }
  const gathering = { flushMs: config.batch_interval, slots: new RetrySlots(retrySlots) }
  const forms = new Map<string, ReturnType<typeof newFrameForm>>()
  return {
    shares: new Shares(parts.pool, config.max_memory),
    limits: { maxMessages: config.queue_size, maxBytes: config.queue_bytes },
    clock,
    rounds: parts.rounds,
    account: parts.account,
    series: new SeriesTable(host.id, host.metrics),
    notices: parts.notices,
    transports: newTransports(dialOf, clock, settings, gathering),
    formOf(hostname, metadata) {
      // Shared by the drains of one application; those of others are never equal.
      const key = `${metadata} ${hostname}`
      let form = forms.get(key)
      if (!form) {
        if (forms.size >= 256) forms.clear()
        form = newFrameForm({ hostname, metadata })
        forms.set(key, form)
      }
      return form
    },
    live: new Set(),
    spill: undefined,
  }
}

function showGauges(host: Host, registry: Registry, world: DrainWorld, router: Router): void {
  host.total('handed', 'Envelopes times drains they were shown to, before filters.', () => router.handed)
  host.gauge('app_drains', 'Drains of applications.', () => registry.count)
  host.gauge('aggregate_drains', 'Aggregate drains.', () => registry.aggregates.length)
  host.gauge('active_drains', 'Drains with a sender.', () => world.live.size)
  host.gauge('memory_bytes', 'Memory of what waits for drains.', () => sum(world.live, ({ ring }) => ring?.held ?? 0))
}

function sum<T>(all: Iterable<T>, value: (one: T) => number): number {
  let total = 0
  for (const one of all) total += value(one)
  return total
}
