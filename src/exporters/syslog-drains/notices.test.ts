import { afterEach, expect, test } from 'vitest'
import { newGrpcServer } from '../../net/grpc-server.ts'
import { clientStream } from '../../net/grpc-types.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { newLog, silentLog } from '../../runtime/log.ts'
import { Batch } from '../../telemetry/batch.ts'
import { Row } from '../../telemetry/record-index.ts'
import { GrowingSink } from '../../wire/syslog/frame-sink.ts'
import { newFrameForm } from '../../wire/syslog/from-envelope/frame-form.ts'
import { FrameWriter } from '../../wire/syslog/from-envelope/frame-writer.ts'
import { mergeBindings } from './merge.ts'
import { Notices } from './notices.ts'
import { atEnd, bindingCache, bindingsJson, cleanUp, exporter, logs, tcpDrain, until } from './test-kit.ts'
import { DrainError } from './transport.ts'

afterEach(cleanUp)

const spec = mergeBindings(
  [
    {
      url: 'syslog://u:p@drain.example:514/path?token=t',
      credentials: [{ cert: '', key: '', ca: '', apps: [{ app_id: 'guid', hostname: 'h' }] }],
    },
  ],
  { defaultMetadata: true, perApp: 5 },
).apps.get('guid')![0]!

function newNotices() {
  const clock = new ManualClock(Date.UTC(2026, 0, 2))
  const told: string[] = []
  const lines: string[] = []
  const log = newLog({ write: (line) => void lines.push(line.replace(/^\S+ \S+ /, '').trim()) })
  const stream = { write: (app: string, text: string) => void told.push(`${app}: ${text}`), close: async () => {} }
  return { clock, told, lines, notices: new Notices(stream, log, clock) }
}

test('a drain that cannot be connected to is told once a minute, without secrets', () => {
  const { clock, told, lines, notices } = newNotices()
  for (let i = 0; i < 10; i++) notices.failed(spec, new DrainError('connect', 'connection refused'), 1, i + 1)
  expect(told).toEqual(['guid: Failed to connect to syslog://drain.example:514/path: connection refused'])
  expect(lines).toEqual([
    'failed to write to drain.example:514, retrying in 1ms, err: connection refused',
    'Failed to connect to syslog://drain.example:514/path for app guid: connection refused',
  ])
  clock.advance(60_000)
  notices.failed(spec, new DrainError('connect', 'connection refused'), 15_000, 11)
  expect(told).toHaveLength(2)
})

test('an HTTPS drain that goes on failing is told too; a connection that was closed once is not', () => {
  const { told, notices } = newNotices()
  const error = new DrainError('answer', 'Post responded with 401 status code')
  notices.failed(spec, error, 1, 1)
  notices.failed(spec, error, 1, 2)
  expect(told).toEqual([])
  notices.failed(spec, error, 2, 3)
  expect(told[0]).toContain('Failed to deliver logs to syslog://drain.example:514/path: Post responded with 401')
})

test('losses are gathered into one line with number, drain, reason and time', () => {
  const { clock, told, lines, notices } = newNotices()
  notices.failed(spec, new DrainError('write', 'broken pipe'), 1, 1)
  for (let i = 0; i < 5; i++) notices.lost(spec, 'displaced', 3)
  clock.advance(1000)
  expect(told).toEqual([
    'guid: 15 messages lost for application guid in user provided syslog drain with url syslog://drain.example:514/path' +
      ' (host drain.example, since 2026-01-02T00:00:00.000Z): the drain reads more slowly than the application logs; last error: broken pipe',
  ])
  expect(lines.at(-1)).toMatch(
    /^Dropped 15 syslog logs for guid's app drain with url syslog:\/\/drain.example:514\/path /,
  )
  notices.lost(spec, 'displaced', 1)
  notices.lost(spec, 'memory', 2)
  clock.advance(59_000)
  expect(told).toHaveLength(1)
  clock.advance(1000)
  expect(told[1]).toMatch(/^guid: 3 messages lost .*: 1: the drain reads .*; 2: too many drains/)
  notices.lost(spec, 'shutdown', 7)
  notices.close()
  expect(told[2]).toContain('7 messages lost')
})

test('lines arrive in the stream of the application, as the platform writes them', async () => {
  const received: Buffer[] = []
  const server = newGrpcServer({
    endpoint: { host: '127.0.0.1', port: 0 },
    log: silentLog,
    methods: {
      '/loggregator.v2.Ingress/BatchSender': clientStream(() => ({
        message: (bytes, start, end) => void received.push(Buffer.from(bytes.subarray(start, end))),
      })),
    },
  })
  const { port } = await server.start()
  atEnd(() => server.stop(AbortSignal.abort()))
  const gone = await tcpDrain()
  await gone.stop()
  const urls = {
    [`syslog://127.0.0.1:${gone.port}`]: ['app'],
    'https://a?include-log-types=a&exclude-log-types=b': ['app'],
  }
  const cache = await bindingCache({ bindings: bindingsJson(urls), aggregate: '[]' })
  const { made } = await exporter({
    bindings: { ...cache.settings, polling_interval: '1m' },
    notices: { endpoint: `127.0.0.1:${port}` },
  })
  made.consume(logs('app', 'x'))
  await until(() => Buffer.concat(received).includes('Failed to connect'))
  const batch = Batch.copyOf('envelopes', Buffer.concat(received))
  const { rows } = batch.index()
  const writer = new FrameWriter()
  const sink = new GrowingSink()
  for (let i = 0; i < batch.count; i++) {
    const row = batch.rowAt(i)
    writer.look(batch.buffer, rows[row + Row.start]!, rows[row + Row.end]!)
    writer.write(newFrameForm({ hostname: '', metadata: true }), sink)
  }
  const text = sink.bytes.toString('utf8', 0, sink.end)
  expect(text).toMatch(
    /<11>1 \S+ - app \[LGR\/0\] - \[tags@47450 source_type="LGR"\] include-log-types and exclude-log-types/,
  )
  expect(text).toContain(
    `Failed to connect to syslog://127.0.0.1:${gone.port}: 127.0.0.1:${gone.port}: connection refused`,
  )
})
