import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { Refused } from '../../src/delivery/admission.ts'
import type {
  Batch,
  Component,
  ConnectorSpec,
  Exporter,
  ExporterSpec,
  ExtensionSpec,
  Format,
  Intakes,
  ProcessorSpec,
  ReceiverSpec,
} from '../../src/plugin.ts'
import { Batch as BatchOf } from '../../src/telemetry/batch.ts'
import { Receipt } from '../../src/telemetry/receipt.ts'
import {
  encodeEnvelopeBatch,
  encodeOtlpLogs,
  encodeOtlpMetrics,
  encodeOtlpTraces,
  encodeV1,
  frameRecords,
} from '../support/decode.ts'
import { freePort } from '../support/free-port.ts'
import {
  expectSampleLoads,
  expectUnknownKeyNamed,
  formatsOf,
  newTestHost,
  type Subject,
  settingsOf,
  subjects,
} from './kit.ts'

// What every component of the catalogue keeps, by kind. A new component is covered by being in the catalogue.

const at = 1n
const attributes = [{ key: 'k', value: { stringValue: 'v' } }]
const samples: Record<Format, Buffer> = {
  envelopes: encodeEnvelopeBatch([
    { timestamp: at, source_id: 'app', log: { payload: 'text' }, tags: { k: 'v' } },
    { timestamp: at, source_id: 'app', counter: { name: 'c', delta: 2n } },
    { timestamp: at, source_id: 'app', gauge: { metrics: { g: { unit: 'u', value: 1.5 } } } },
  ]),
  dropsonde: frameRecords([
    encodeV1({ origin: 'o', eventType: 7, timestamp: at, counterEvent: { name: 'c', delta: 2n } }),
    encodeV1({ origin: 'o', eventType: 6, timestamp: at, valueMetric: { name: 'v', value: 1, unit: 'u' } }),
  ]),
  logs: encodeOtlpLogs({
    resourceLogs: [{ scopeLogs: [{ logRecords: [{ timeUnixNano: at, body: { stringValue: 'text' }, attributes }] }] }],
  }),
  metrics: encodeOtlpMetrics({
    resourceMetrics: [
      {
        scopeMetrics: [
          { metrics: [{ name: 'm', gauge: { dataPoints: [{ timeUnixNano: at, asDouble: 1, attributes }] } }] },
        ],
      },
    ],
  }),
  traces: encodeOtlpTraces({
    resourceSpans: [
      {
        scopeSpans: [{ spans: [{ traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 1), name: 's', attributes }] }],
      },
    ],
  }),
}
const sampleOf = (format: Format, receipts: Receipt[] = []): Batch =>
  BatchOf.copyOf(format, samples[format], { receipts })

const never = () => new AbortController().signal
const now = () => AbortSignal.abort()

/** Life and settings, alike for all kinds. */
function common(subject: Subject, make: () => Component): void {
  test('its sample loads', () => expectSampleLoads(subject))
  test('an unknown key is named', () => expectUnknownKeyNamed(subject))
  test('it may be stopped before it was started', async () => make().stop(now()))
  test('it starts and stops twice', async () => {
    const component = make()
    await component.start()
    await component.stop(never())
    await component.stop(never())
  })
}

/** A receiver whose intake keeps, or refuses, what it is given. */
function receiverConformance(subject: Subject): void {
  const spec = subject.spec as ReceiverSpec
  const make = (offer: (batch: Batch) => void = () => {}) => {
    const config = settingsOf(spec)
    const { host, ...rest } = newTestHost(spec)
    const formats = formatsOf(spec.makes, config)
    const intakes: Intakes = Object.fromEntries(formats.map((format) => [format, { offer }]))
    return { component: spec.create({ config, host, intakes }), host, config, ...rest }
  }
  common(subject, () => make().component)

  test('the ports it says it takes are free again after its stop', async () => {
    const config = settingsOf(spec)
    const port = await freePort()
    const settled = withPort(config, port)
    if (!settled) return
    const { host } = newTestHost(spec)
    const formats = formatsOf(spec.makes, settled)
    const intakes: Intakes = Object.fromEntries(formats.map((format) => [format, { offer: () => {} }]))
    const [resource] = spec.resources?.(settled as never) ?? []
    expect(resource).toMatch(new RegExp(`^(tcp|udp) 127\\.0\\.0\\.1:${port}$`))
    const component = spec.create({ config: settled as never, host, intakes })
    await component.start()
    await expect(bind(resource!)).rejects.toThrow('EADDRINUSE')
    await component.stop(now())
    await bind(resource!)
  })
}

/** The same settings with another port, for components that listen. */
function withPort(config: unknown, port: number): unknown {
  const endpoint = (config as { endpoint?: { host: string } }).endpoint
  return endpoint && { ...(config as object), endpoint: { ...endpoint, port, text: `${endpoint.host}:${port}` } }
}

/** Listens there for a moment. */
async function bind(resource: string): Promise<void> {
  const [protocol, address] = resource.split(' ')
  const port = Number(address!.split(':').at(-1))
  if (protocol === 'udp') {
    const socket = createSocket('udp4')
    socket.bind(port, '127.0.0.1')
    await once(socket, 'listening')
    await new Promise<void>((resolve) => socket.close(() => resolve()))
    return
  }
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  await new Promise((resolve) => server.close(resolve))
}

function processorConformance(subject: Subject): void {
  const spec = subject.spec as ProcessorSpec
  const make = (format: Format) => {
    const { host, own } = newTestHost(spec)
    const made = spec.create({ config: settingsOf(spec), host, format })
    const processor = typeof made === 'function' ? { process: made } : made
    return { processor, own: own! }
  }
  common(subject, () => {
    const { processor } = make(spec.takes[0]!)
    return { start: async () => processor.start?.(), stop: async (deadline) => processor.stop?.(deadline) }
  })

  test.each(spec.takes)('%s: what does not come out is accounted for, and its input stays as it was', (format) => {
    const { processor, own } = make(format)
    for (let round = 0; round < 3; round++) {
      const batch = sampleOf(format)
      const before = Buffer.from(batch.bytes())
      const out = processor.process(batch)
      own.received += batch.count
      own.passed += (out?.count ?? 0) - own.made
      expect(own.imbalance()).toBe(0)
      expect(batch.bytes()).toEqual(before)
      // What comes out is a sound message of its format.
      if (out) expect(BatchOf.copyOf(format, out.bytes()).count).toBe(out.count)
    }
  })

  test.each(spec.takes)('%s: receipts go on with the records', (format) => {
    const { processor } = make(format)
    const receipt = new Receipt(() => {})
    const out = processor.process(sampleOf(format, [receipt]))
    if (out && out.count > 0) expect(out.receipts).toEqual([receipt])
  })
}

function exporterConformance(subject: Subject): void {
  const spec = subject.spec as ExporterSpec
  const make = () => {
    const config = settingsOf(spec)
    const { host, ledger } = newTestHost(spec)
    return { exporter: spec.create({ config, host }) as Exporter, ledger, takes: formatsOf(spec.takes, config) }
  }
  common(subject, () => make().exporter)

  test('says what it promises', () => {
    expect(spec.delivery.on_kill).not.toBe('')
    expect(formatsOf(spec.takes, settingsOf(spec)).length).toBeGreaterThan(0)
  })

  test('every record has one fate and every receipt is settled once, also when nobody can be reached', async () => {
    const { exporter, ledger, takes } = make()
    await exporter.start()
    let given = 0
    let settled = 0
    for (let i = 0; i < 200; i++) {
      for (const format of takes) {
        const batch = sampleOf(format, [new Receipt(() => void settled++)])
        given += batch.count
        const admissions = exporter.admissions()
        if (admissions.some((queue) => queue.admit() instanceof Refused)) continue
        exporter.consume(batch)
        for (const queue of admissions) queue.settle()
        for (const account of ledger.accounts) expect(account.imbalance()).toBe(0)
      }
    }
    await exporter.stop(AbortSignal.timeout(50))
    for (const account of ledger.accounts) {
      expect(account.imbalance()).toBe(0)
      expect(account.held()).toBe(0)
    }
    const received = ledger.accounts.reduce((sum, account) => sum + account.received, 0)
    expect(received).toBe(given)
    expect(settled).toBe(200 * takes.length)
  })

  test('what comes after its stop has a fate as well', async () => {
    const { exporter, ledger, takes } = make()
    await exporter.start()
    await exporter.stop(now())
    const before = ledger.accounts.reduce((sum, { droppedTotal, sent }) => sum + droppedTotal + sent, 0)
    exporter.consume(sampleOf(takes[0]!))
    const after = ledger.accounts.reduce((sum, { droppedTotal, sent }) => sum + droppedTotal + sent, 0)
    expect(after - before).toBe(sampleOf(takes[0]!).count)
    for (const account of ledger.accounts) expect(account.imbalance()).toBe(0)
  })
}

function extensionConformance(subject: Subject): void {
  const spec = subject.spec as ExtensionSpec
  common(subject, () => spec.create({ config: settingsOf(spec), host: newTestHost(spec).host }))
}

function connectorConformance(subject: Subject): void {
  const spec = subject.spec as ConnectorSpec
  common(subject, () => {
    const next = { consume: () => {} }
    const made = spec.create({ config: settingsOf(spec), host: newTestHost(spec).host, next, into: () => next })
    return { start: async () => made.start?.(), stop: async (deadline) => made.stop?.(deadline) }
  })
}

const suites = {
  receiver: receiverConformance,
  processor: processorConformance,
  exporter: exporterConformance,
  connector: connectorConformance,
  extension: extensionConformance,
} as const

for (const [kind, suite] of Object.entries(suites)) {
  const found = await subjects(kind as Subject['spec']['kind'])
  describe.each(found)(`${kind} $name`, suite)
}
