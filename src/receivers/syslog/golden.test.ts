import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { decodeEnvelope, decodeEnvelopeBatch } from '../../../test/support/decode.ts'
import { type ReceiverRun, runReceiver } from '../../../test/support/receiver.ts'
import { until } from '../../net/test-kit.ts'
import syslog from './index.ts'

/** Recorded from the Log Cache syslog server: what was sent, what it made of it. A run of `x` is given by its length. */
type Packed = string | [head: string, count: number, tail: string]
interface Case {
  name: string
  settings: Record<string, string>
  input: Packed
  output: Packed[]
  connection: string
  ingress: number
  invalid: number
  /** Counted when the client closed. */
  invalidAtEnd: number
}

const unpack = (packed: Packed): Buffer =>
  typeof packed === 'string'
    ? Buffer.from(packed, 'base64')
    : Buffer.concat([Buffer.from(packed[0], 'base64'), Buffer.alloc(packed[1], 'x'), Buffer.from(packed[2], 'base64')])

const cases: Case[] = readFileSync(new URL('../../../test/testdata/syslog-in.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))

/** The cases that come out otherwise, by their name; all of them stand in docs/differences.md. */
const cleanEnd = new Set([
  'log, line feed after the frame',
  'two frames with line feeds',
  'nothing',
  'idle 150 ms: nothing sent',
])
const arrivalTime = new Set([
  'TIMESTAMP 0001-01-01T00:00:00Z',
  'TIMESTAMP 9999-12-31T23:59:59Z',
  'TIMESTAMP 2262-04-11T23:47:17Z',
  'TIMESTAMP 1600-01-01T00:00:00Z',
  'TIMESTAMP -',
  'TIMESTAMP - and a counter',
])
/** Envelopes and invalid messages where the original loses a whole connection, or crashes. */
const ours: Record<string, { taken: number; invalid: number }> = {
  'TIMESTAMP -': { taken: 1, invalid: 0 },
  'TIMESTAMP - and a counter': { taken: 1, invalid: 0 },
  'lines: octet counting frame': { taken: 0, invalid: 1 },
  'lines: text first': { taken: 1, invalid: 1 },
  'lines: empty line': { taken: 1, invalid: 1 },
}

const runs = new Map<string, Promise<{ run: ReceiverRun; port: number }>>()
afterAll(async () => {
  for (const { run } of await Promise.all(runs.values())) await run.stop()
})

function receiverFor(settings: Record<string, string>) {
  const key = JSON.stringify(settings)
  const found = runs.get(key)
  if (found) return found
  const made = start(settings)
  runs.set(key, made)
  return made
}

async function start(settings: Record<string, string>) {
  const run = runReceiver(
    syslog,
    {
      mode: 'strict',
      tcp: { listen_address: '127.0.0.1:0' },
      max_message_size: settings.SYSLOG_MAX_MESSAGE_LENGTH ?? 66_560,
      trim_message_whitespace: settings.SYSLOG_TRIM_MESSAGE_WHITESPACE !== 'false',
      ...(settings.SYSLOG_NON_TRANSPARENT_FRAMING && { non_transparent_framing_trailer: 'LF' }),
      idle_timeout: settings.SYSLOG_IDLE_TIMEOUT ?? '2m',
    },
    { formats: ['envelopes'] },
  )
  await run.start()
  const line = await run.line('listening for syslog by TCP')
  return { run, port: Number(/:(\d+)/.exec(line.slice(line.indexOf('address')))![1]) }
}

const closed = (socket: Socket) => new Promise<void>((resolve) => socket.on('close', () => resolve()))

test.each(cases.map((each) => [each.name, each] as const))('%s', async (name, each) => {
  const { run, port } = await receiverFor(each.settings)
  const before = {
    bytes: run.counter('received_bytes_total')!,
    taken: run.account.taken,
    invalid: run.counter('invalid_ingress_total')!,
    batches: run.batches.length,
  }
  const socket = connect(port, '127.0.0.1')
  let ended = false
  socket.on('end', () => {
    ended = true
  })
  // The end of a connection that is not sound comes as a reset.
  socket.on('error', () => {})
  socket.resume()
  const gone = closed(socket)
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  if (each.input.length > 0) socket.write(unpack(each.input))
  const isIdle = name.startsWith('idle')
  if (each.connection.startsWith('closed')) {
    if (isIdle) {
      await until(() => run.counter('received_bytes_total')! - before.bytes >= unpack(each.input).length)
      await until(() => run.account.taken - before.taken >= each.ingress && run.counter('connections') === 1)
      run.clock.advance(400)
    }
    await gone
  } else {
    const wanted = ours[name] ?? {
      taken: each.output.length - (name.startsWith('lines') ? 1 : 0),
      invalid: each.invalid,
    }
    await until(() => run.counter('invalid_ingress_total')! - before.invalid >= Math.min(wanted.invalid, each.invalid))
    await until(() => run.account.taken - before.taken >= Math.max(0, wanted.taken - 1))
    expect(ended).toBe(false)
    socket.end()
    await gone
  }
  await until(() => run.counter('connections') === 0)
  const expected = {
    taken: ours[name]?.taken ?? each.output.length,
    invalid: ours[name]?.invalid ?? each.invalid + each.invalidAtEnd - (cleanEnd.has(name) ? 1 : 0),
  }
  await until(() => run.account.taken - before.taken >= expected.taken)
  expect(run.account.taken - before.taken).toBe(expected.taken)
  expect(run.counter('invalid_ingress_total')! - before.invalid).toBe(expected.invalid)
  const got = run.batches.slice(before.batches).flatMap((batch) => decodeEnvelopeBatch(batch.bytes()))
  if (name in ours && each.output.length === 0) return
  const want = each.output.map((one) => decodeEnvelope(unpack(one)))
  const withoutTime = (all: typeof got) => (arrivalTime.has(name) ? all.map(({ timestamp: _, ...rest }) => rest) : all)
  expect(withoutTime(got)).toEqual(withoutTime(want))
  expect(run.account.imbalance()).toBe(0)
})

test('a message without a timestamp gets the time of its arrival', async () => {
  const { run, port } = await receiverFor({})
  const before = run.batches.length
  const socket = connect(port, '127.0.0.1')
  socket.end('21 <14>1 - h app 0 - - x')
  await until(() => run.batches.length > before)
  expect(decodeEnvelopeBatch(run.batches[before]!.bytes())[0]).toMatchObject({
    timestamp: BigInt(run.clock.now()) * 1_000_000n,
  })
})
