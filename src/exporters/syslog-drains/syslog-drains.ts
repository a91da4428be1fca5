import { settleAll } from '../../delivery/backlog.ts'
import type { Account, DiskState } from '../../delivery/ledger.ts'
import { storageOf } from '../../delivery/queue-storage.ts'
import { enter } from '../../delivery/succession.ts'
import { type AppLines, newAppLines } from '../../drains/app-lines.ts'
import { parseDenyRanges } from '../../drains/deny-ranges.ts'
import { newResolver } from '../../net/resolver.ts'
import { clientTlsFrom } from '../../net/tls-settings.ts'
import { type Exporter, formatAddress, type Host, newGrpcClient } from '../../plugin.ts'
import { type DrainLists, newBindingsWatch } from './bindings-watch.ts'
import type { SyslogDrainsConfig } from './config.ts'
import { newDialer } from './dialer.ts'
import { newDrainTrust } from './drain-trust.ts'
import { RetrySlots, retrySlots } from './retry-slots.ts'
import { newSpillWorld, type SpillWorld } from './spill-world.ts'
import { newTransports, type Transports } from './transports.ts'
import { sum, Works } from './works.ts'

/** The drains that count in an account: those of the exporter that runs, until a reload has made another one. */
const running = new WeakMap<Account, Works>()

export function newSyslogDrains(config: SyslogDrainsConfig, host: Host): Exporter {
  const { clock } = host
  const account = host.account({ unit: 'messages' })
  const before = running.get(account)
  const slots = before?.slots ?? new RetrySlots(retrySlots)
  const transports = transportsOf(config, host, slots)
  const stream = noticeLines(config, host)
  let spill: SpillWorld | undefined
  const works = before ?? new Works({ host, account, slots, config, transports, stream, spill })
  running.set(account, works)
  const { registry, router, world } = works
  const self = {}
  works.owner ??= self
  const owns = () => works.owner === self

  /** What the cache says before the drains are ours. */
  const early: (() => void)[] = []
  const whenOurs = (fn: () => void) => (owns() ? fn() : void early.push(fn))
  const lists: DrainLists = {
    setApps: (apps) => whenOurs(() => registry.setApps(apps)),
    setAggregates: (specs) => whenOurs(() => registry.setAggregates(specs)),
  }
  const watch = newBindingsWatch({ config, host, lists, notices: world.notices })
  account.held = () => (owns() ? works.held : 0)
  account.trouble = () => works.trouble
  const { storage, max_drains } = config.sending_queue
  account.disk = storage === undefined ? undefined : () => diskState(works)
  let handedBefore = router.handed
  host.total('handed', 'Envelopes times drains they were shown to, before filters.', () => router.handed - handedBefore)
  showGauges(host, works)
  let stopping: Promise<void> | undefined
  let sweep: { cancel(): void } | undefined

  const sweepIdle = () => {
    const since = clock.monotonic() - config.idle_timeout
    for (const drain of world.live) if (drain.spec.app !== '' && drain.usedAt < since) drain.closeIdle()
    works.tendDisk()
    sweep = clock.after(Math.min(60_000, config.idle_timeout / 2), sweepIdle)
  }
  const takeOver = () => {
    works.owner = self
    works.successor = undefined
    handedBefore = router.handed
    if (spill) spill.most = max_drains
    works.configure({ config, transports, stream, spill })
    registry.awaitLists()
    for (const fn of early.splice(0)) fn()
    sweepIdle()
  }
  if (!owns()) works.successor = takeOver
  const leave = enter(account, {
    // Nothing has to change hands but who gives the orders.
    bequeath: async () => {
      sweep?.cancel()
      works.successor?.()
    },
    heir: { account, inherit: () => {}, waitFor: () => {} },
  })
  const stop = async (deadline: AbortSignal) => {
    leave()
    watch.stop()
    sweep?.cancel()
    if (works.successor === takeOver) works.successor = undefined
    if (owns()) {
      running.delete(account)
      await works.stop(deadline)
    }
    await stream?.close()
  }
  return {
    consume(batch) {
      if (stopping) {
        router.turnAway(batch)
        settleAll(batch.receipts, { dropped: 'shutdown' })
        return
      }
      router.route(batch)
      // From here on they are messages of drains, each with a fate of its own.
      settleAll(batch.receipts, 'delivered')
    },
    admissions: () => [],
    ready: () => works.trouble === undefined,
    async start() {
      if (storage !== undefined) {
        const found = storageOf(host, storage)
        const isSame = world.spill?.storage === found
        spill = isSame ? world.spill : await newSpillWorld(found, max_drains, host, account)
      }
      if (owns()) {
        world.spill = spill
        await spill?.leftovers.recover()
        sweepIdle()
      }
      await watch.start()
      // What comes from now on belongs behind what is on disk.
      if (owns()) await Promise.all(Array.from(spill?.open ?? [], ({ whenOpen }) => whenOpen))
    },
    stop: (deadline) => (stopping ??= stop(deadline)),
  }
}

function diskState({ world: { live } }: Works): DiskState {
  const open = [...live].flatMap(({ spill }) => spill ?? [])
  return {
    records: sum(open, (each) => each.messages),
    bytes: sum(open, (each) => each.bytes),
    trouble: open.map((each) => each.trouble).find((text) => text !== undefined),
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

function transportsOf(config: SyslogDrainsConfig, { clock, log }: Host, slots: RetrySlots): Transports {
  const { contexts, authority } = newDrainTrust(config.tls, log)
  const dialOf = newDialer({
    resolver: newResolver({ clock }),
    denied: parseDenyRanges(config.denied_ranges),
    contexts,
    clock,
    timeoutMs: config.dial_timeout,
  })
  const { denied_ranges, dial_timeout, tls } = config
  const settings = {
    writeTimeoutMs: config.write_timeout,
    answerTimeoutMs: config.answer_timeout,
    maxFlightBytes: config.max_write,
    maxAgeMs: config.max_connection_age,
    aggregateMaxAgeMs: config.aggregate_refresh_interval,
  }
  const gathering = { flushMs: config.batch_interval, slots }
  const terms = JSON.stringify([settings, gathering.flushMs, denied_ranges, dial_timeout, tls, authority])
  const onOpen = ({ url }: { url: { host: string; port: number } }) =>
    log.debug(`created conn to syslog drain: ${formatAddress(url)}`)
  return newTransports(dialOf, clock, { ...settings, terms, onOpen }, gathering)
}

function showGauges(host: Host, { registry, world }: Works): void {
  host.gauge('app_drains', 'Drains of applications.', () => registry.count)
  host.gauge('aggregate_drains', 'Aggregate drains.', () => registry.aggregates.length)
  host.gauge('active_drains', 'Drains with a sender.', () => world.live.size)
  host.gauge('memory_bytes', 'Memory of what waits for drains.', () => sum(world.live, ({ ring }) => ring?.held ?? 0))
}
