import { describe, expect, test } from 'vitest'
import { Catalogue } from '../../src/components.ts'
import { Budget } from '../../src/delivery/budget.ts'
import { type Account, Ledger } from '../../src/delivery/ledger.ts'
import type { QueueStorage } from '../../src/delivery/queue-storage.ts'
import { newHost } from '../../src/engine/host.ts'
import { fileStorageConfig } from '../../src/extensions/file-storage/config.ts'
import { newFileStorage } from '../../src/extensions/file-storage/file-storage.ts'
import fileStorage from '../../src/extensions/file-storage/index.ts'
import type { Exporter, ExporterSpec } from '../../src/plugin.ts'
import { issue, newAuthority } from '../../src/runtime/certs.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { Metrics } from '../../src/runtime/metrics.ts'
import { Batch } from '../../src/telemetry/batch.ts'
import { Receipt } from '../../src/telemetry/receipt.ts'
import { startBreakingHttpPeer } from '../support/breaking-http-peer.ts'
import { type BreakingPeer, faults, startBreakingPeer } from '../support/breaking-peer.ts'
import { startBreakingSyslogPeer } from '../support/breaking-syslog-peer.ts'
import { decodeV1, encodeV1, frameRecords } from '../support/decode.ts'
import { envelopes, otlpLogs, textsOf } from '../support/delivery.ts'
import { newFastClock } from '../support/fast-clock.ts'
import { newFolder } from '../support/folder.ts'
import { until } from '../support/role.ts'
import { newTestHost } from './kit.ts'

// What exporters declare in `delivery`, held against a peer that breaks in every way at random moments.

interface Subject {
  name: string
  type: string
  settings: (address: string) => Record<string, unknown>
  make: (texts: readonly string[], receipts: Receipt[]) => Batch
  read: (message: Buffer) => string[]
  /** One sender keeps the order whatever is declared. */
  ordered?: true
  /** What is spoken; gRPC when left out. */
  peer?: () => Promise<BreakingPeer>
  /** More than the exporter promises in all its ways. */
  semantics?: string
  /** Queues of its own, without `linger`. */
  ownQueues?: true
}

const onto = (format: 'envelopes' | 'logs') => (bytes: Buffer) => textsOf(Batch.copyOf(format, bytes))
const v1Log = (text: string) =>
  encodeV1({ origin: 'o', eventType: 5, logMessage: { message: Buffer.from(text), messageType: 1, timestamp: 1n } })
const asEnvelopes = (texts: readonly string[], receipts: Receipt[]) => envelopes(texts, 'app', { receipts })
const asOtlp = (texts: readonly string[], receipts: Receipt[]) => otlpLogs(texts, { receipts })
const retry_on_failure = { initial_interval: '100ms', max_interval: '500ms', max_elapsed_time: 0 }
// The clock is fast: a slow machine must not run into timeouts.
const otlp = (address: string) => ({
  timeout: '60s',
  endpoint: address,
  tls: { insecure: true },
  compression: 'none',
  retry_on_failure,
})

const syslog = (endpoint: string) => ({ endpoint, tls: { insecure: true }, retry_on_failure })
const certificate = issue(newAuthority({ commonName: 'drains' }), { commonName: 'drain', ips: ['127.0.0.1'] })
const drain = (scheme: string) => (address: string) => ({
  aggregate_drains: [`${scheme}://${address}`],
  tls: { insecure_skip_verify: true },
  answer_timeout: '60s',
  dial_timeout: '60s',
  write_timeout: '60s',
})
/** The texts of one or more syslog messages. */
const numbersOf = (messages: Buffer) => messages.toString('latin1').match(/\b\d{6}\.{10,}/g) ?? []

const subjects: Subject[] = [
  {
    name: 'loggregator, batches',
    type: 'loggregator',
    settings: (endpoint) => ({ endpoint }),
    make: asEnvelopes,
    read: onto('envelopes'),
  },
  {
    name: 'loggregator, single envelopes',
    type: 'loggregator',
    settings: (endpoint) => ({ endpoint, method: 'sender' }),
    make: asEnvelopes,
    read: (envelope) => onto('envelopes')(frameRecords([envelope])),
  },
  { name: 'otlp', type: 'otlp', settings: otlp, make: asOtlp, read: onto('logs') },
  {
    name: 'otlp with one sender',
    type: 'otlp',
    settings: (address) => ({ ...otlp(address), sending_queue: { num_consumers: 1 } }),
    make: asOtlp,
    read: onto('logs'),
    ordered: true,
  },
  {
    name: 'otlphttp',
    type: 'otlphttp',
    settings: (address) => ({ ...otlp(address), endpoint: `http://${address}` }),
    make: asOtlp,
    read: onto('logs'),
    peer: startBreakingHttpPeer,
  },
  {
    name: 'firehose, v2',
    type: 'firehose',
    settings: (router_addr) => ({ router_addr }),
    make: asEnvelopes,
    read: onto('envelopes'),
  },
  {
    name: 'firehose, v1',
    type: 'firehose',
    settings: (router_addr) => ({ router_addr }),
    make: (texts, receipts) => Batch.copyOf('dropsonde', frameRecords(texts.map(v1Log)), { receipts }),
    read: (data) => [String(decodeV1(payloadOf(data)).logMessage.message)],
  },
  {
    name: 'syslog, lines',
    type: 'syslog',
    settings: syslog,
    make: asEnvelopes,
    read: numbersOf,
    peer: startBreakingSyslogPeer,
  },
  {
    name: 'syslog, octet counting',
    type: 'syslog',
    settings: (address) => ({ ...syslog(address), enable_octet_counting: true }),
    make: asOtlp,
    read: numbersOf,
    peer: startBreakingSyslogPeer,
  },
  {
    name: 'syslog that repeats',
    type: 'syslog',
    settings: (address) => ({ ...syslog(address), on_broken_write: 'repeat' }),
    make: asOtlp,
    read: numbersOf,
    peer: startBreakingSyslogPeer,
    semantics: 'best effort',
  },
  {
    name: 'syslog_drains, TCP',
    type: 'syslog_drains',
    settings: drain('syslog'),
    make: asEnvelopes,
    read: numbersOf,
    peer: startBreakingSyslogPeer,
    ownQueues: true,
  },
  {
    name: 'syslog_drains, HTTPS',
    type: 'syslog_drains',
    settings: drain('https'),
    make: asEnvelopes,
    read: numbersOf,
    peer: () => startBreakingHttpPeer(certificate),
    semantics: 'at least once',
    ownQueues: true,
  },
  {
    name: 'syslog_drains, HTTPS in batches',
    type: 'syslog_drains',
    settings: drain('https-batch'),
    make: asEnvelopes,
    read: numbersOf,
    peer: () => startBreakingHttpPeer(certificate),
    semantics: 'at least once',
    ownQueues: true,
  },
]

/** EnvelopeData: field 1 is the envelope. */
function payloadOf(bytes: Buffer): Buffer {
  let pos = 1
  while (bytes[pos++]! >= 128);
  return bytes.subarray(pos)
}

const specs = (await new Catalogue().all()).filter((spec): spec is ExporterSpec => spec.kind === 'exporter')
const specOf = (type: string) => specs.find((spec) => spec.type === type)!

/** Different in every run; a failure names it. */
const seed = Number(process.env.TAILRACE_TEST_SEED ?? (process.env.CI ? 1 : Date.now() % 1_000_000))

function newRandom(state: number): (below: number) => number {
  let x = state + 1
  return (below) => {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((x / 2 ** 32) * below)
  }
}

/** An exporter on its way to a peer, the numbers it was given, and how often each receipt was settled. */
class Run {
  readonly ledger = new Ledger()
  readonly settled: number[] = []
  given = 0
  /** Bytes of a text. */
  width = 40
  private readonly subject: Subject
  private readonly peer: BreakingPeer
  readonly exporter: Exporter

  constructor(subject: Subject, peer: BreakingPeer, storage?: QueueStorage) {
    this.subject = subject
    this.peer = peer
    const spec = specOf(subject.type)
    const shared = {
      log: silentLog,
      clock: newFastClock(50),
      metrics: new Metrics(),
      ledger: this.ledger,
      budget: new Budget('service', 64 << 20),
    }
    const extension = () => storage
    const host = newHost(shared, {
      kind: 'exporter',
      type: spec.type,
      id: spec.type,
      readsOrigins: false,
      extension,
    })
    const linger = subject.ownQueues ? {} : { linger: '2ms' }
    const settings: Record<string, unknown> = { ...linger, ...subject.settings(peer.address) }
    if (storage) settings.sending_queue = { ...(settings.sending_queue as object), storage: 'file_storage' }
    const config = spec.config.parse(settings)
    this.exporter = spec.create({ config: config as never, host })
  }

  private get queues(): Account[] {
    return this.ledger.accounts.filter(({ kind }) => kind === 'queue')
  }

  total(of: 'received' | 'recovered' | 'sent' | 'kept' | 'droppedTotal' | 'maybe_duplicate'): number {
    return this.queues.reduce((sum, account) => sum + account[of], 0)
  }

  get held(): number {
    return this.queues.reduce((sum, account) => sum + account.held(), 0)
  }

  /** A few numbers more. */
  feed(): void {
    const number = this.settled.push(0) - 1
    const texts = Array.from({ length: 5 }, () =>
      String(this.given++)
        .padStart(6, '0')
        .padEnd(this.width, '.'),
    )
    this.exporter.consume(this.subject.make(texts, [new Receipt(() => void this.settled[number]!++)]))
    for (const account of this.ledger.accounts) expect(account.imbalance()).toBe(0)
  }

  /** Feeds until it is so. */
  feedUntil(what: string, enough: () => boolean): Promise<void> {
    return until(
      what,
      () => {
        // What is dropped because a queue is full would hide what is lost on the way.
        if (this.held < 500) this.feed()
        return enough()
      },
      20_000,
    )
  }

  /** What every stream brought, in the order of the streams. */
  get got(): number[][] {
    return this.peer.streams.map(({ messages }) =>
      messages.flatMap((message) => this.subject.read(message)).map((text) => Number(text.slice(0, 6))),
    )
  }
}

const ascending = (numbers: readonly number[]) => numbers.every((n, i) => i === 0 || n > numbers[i - 1]!)

/** By `delivery.semantics`. */
const semantics: Record<string, (run: Run) => void> = {
  // The peer never answers: what its machine had taken may be lost unseen, but nothing comes twice uncounted.
  'best effort'(run) {
    const all = run.got.flat()
    expect(all.length - new Set(all).size, 'delivered twice and not counted').toBeLessThanOrEqual(
      run.total('maybe_duplicate'),
    )
  },
  'at most once'(run) {
    const all = run.got.flat()
    expect(all.length - new Set(all).size, 'delivered twice').toBe(0)
  },
  'at least once'(run) {
    const all = run.got.flat()
    const lacking = run.given - new Set(all).size
    expect(lacking, 'lost and not counted').toBeLessThanOrEqual(run.total('droppedTotal'))
    expect(all.length - new Set(all).size, 'delivered twice and not counted').toBeLessThanOrEqual(
      run.total('maybe_duplicate'),
    )
  },
}

/** By `delivery.order`. */
const orders: Record<string, (run: Run) => void> = {
  // What is repeated begins where it broke off.
  kept(run) {
    expect(ascending([...new Set(run.got.flat())])).toBe(true)
    expect(run.got.every(ascending)).toBe(true)
  },
  'kept within a stream': (run) => expect(run.got.every(ascending)).toBe(true),
  'not kept': () => {},
}

describe.each(subjects)('$name', (subject) => {
  const { delivery } = specOf(subject.type)
  const promised = subject.semantics ?? delivery.semantics

  test(`${promised}, order ${delivery.order}, whatever the peer does (seed ${seed})`, async () => {
    const random = newRandom(seed)
    const peer = await (subject.peer ?? startBreakingPeer)()
    const run = new Run(subject, peer)
    await run.exporter.start()
    await run.feedUntil('a first message', () => peer.messages > 0)
    const plans = faults.map((fault) => ({ fault, at: random(1000) }))
    for (const { fault } of plans.sort((a, b) => a.at - b.at)) {
      // Small messages fit into one frame of HTTP/2, large ones break in the middle.
      run.width = random(2) === 0 ? 40 : 2000
      await peer.plan(fault, { bytes: 1 + random(20 * run.width), messages: 1 + random(6) })
      await run.feedUntil(fault, () => peer.broken)
      await peer.comeBack()
      const before = peer.messages
      await run.feedUntil(`a message after ${fault}`, () => peer.messages > before + 2)
    }
    await until('nothing is held', () => run.held === 0)
    expect([run.total('received'), run.total('sent') + run.total('droppedTotal')]).toEqual([run.given, run.given])
    await run.exporter.stop(AbortSignal.timeout(2000))
    expect(run.settled.filter((times) => times !== 1)).toEqual([])
    semantics[promised]!(run)
    orders[delivery.order]!(run)
    if (subject.ordered) expect(ascending([...new Set(run.got.flat())])).toBe(true)
  })

  if (subject.ownQueues) return
  test('with its queue on disk: what was not sent before the end is sent by the next', async () => {
    const peer = await (subject.peer ?? startBreakingPeer)()
    const directory = newFolder()
    const storage = newFileStorage(fileStorageConfig.parse({ directory }), newTestHost(fileStorage).host)
    const first = new Run(subject, peer, storage)
    await first.exporter.start()
    await first.feedUntil('a first message', () => peer.messages > 0)
    await peer.plan('away', { bytes: 1, messages: 1 })
    await first.feedUntil('away', () => peer.broken)
    const from = first.given
    for (let i = 0; i < 20; i++) first.feed()
    // On disk it is settled at once.
    expect(first.settled.filter((times) => times !== 1)).toEqual([])
    await first.exporter.stop(AbortSignal.timeout(100))
    expect(first.held).toBe(0)
    const next = new Run(subject, peer, storage)
    await peer.comeBack()
    await next.exporter.start()
    expect(next.total('recovered')).toBeGreaterThanOrEqual(first.total('kept'))
    await until('all of it is sent', () => next.held === 0)
    expect(next.total('sent')).toBe(next.total('recovered'))
    await next.exporter.stop(AbortSignal.timeout(2000))
    // What was written into a connection that breaks counts as sent where nobody answers.
    if (promised !== 'at least once') return
    const got = new Set(next.got.flat())
    const fedAway = Array.from({ length: first.given - from }, (_, i) => from + i)
    expect(fedAway.filter((number) => !got.has(number))).toEqual([])
  })
})

test.each([...new Map(subjects.map((subject) => [subject.type, subject])).values()])(
  '$type says how much a kill costs with the bounds that its queues have',
  ({ type, settings }) => {
    const { config, delivery } = specOf(type)
    const bounds = config.parse(settings('127.0.0.1:9')) as Record<
      'queue_size' | 'queue_requests' | 'queue_bytes',
      number
    >
    const said = [...delivery.on_kill.matchAll(/([\d,]+) (records|messages|requests|MiB)/g)].map(([, n, unit]) => [
      unit,
      Number(n!.replaceAll(',', '')),
    ])
    expect(said.length).toBeGreaterThan(0)
    const known = {
      records: bounds.queue_size,
      messages: bounds.queue_size,
      requests: bounds.queue_requests,
      MiB: bounds.queue_bytes / 2 ** 20,
    }
    expect(Object.fromEntries(said)).toEqual(Object.fromEntries(said.map(([unit]) => [unit, known[unit as 'MiB']])))
  },
)

describe.each(specs.map((spec) => [spec.type, spec] as const))('%s', (_type, spec) => {
  test('is held to what it declares, or sends to nobody who could break', () => {
    expect(
      semantics[spec.delivery.semantics] !== undefined || spec.delivery.semantics === 'none',
      spec.delivery.semantics,
    ).toBe(true)
    expect(orders[spec.delivery.order] !== undefined || spec.delivery.semantics === 'none', spec.delivery.order).toBe(
      true,
    )
  })
})
