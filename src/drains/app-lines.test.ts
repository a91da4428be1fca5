import { expect, test } from 'vitest'
import { decodeEnvelopeBatch } from '../../test/support/decode.ts'
import { newGrpcClient } from '../net/grpc-client.ts'
import { newGrpcServer } from '../net/grpc-server.ts'
import { clientStream } from '../net/grpc-types.ts'
import { until } from '../net/test-kit.ts'
import { systemClock } from '../runtime/clock.ts'
import { silentLog } from '../runtime/log.ts'
import { newAppLines } from './app-lines.ts'
import { appLinesPath } from './app-lines-message.ts'

function linesTo(address: string, maxWaiting: number) {
  const client = newGrpcClient({ address, log: silentLog })
  const seen = { sent: 0, lost: [] as string[] }
  const lines = newAppLines({
    client,
    clock: systemClock,
    maxWaiting,
    onSent: (count) => {
      seen.sent += count
    },
    onLost: (lost) => seen.lost.push(...lost.map(({ text }) => text)),
  })
  return { lines, seen }
}

test('lines go in messages of a hundred or what came in 100 ms; what waits at the end goes too', async () => {
  const messages: string[][] = []
  const server = newGrpcServer({
    endpoint: { host: '127.0.0.1', port: 0 },
    log: silentLog,
    methods: {
      [appLinesPath]: clientStream(() => ({
        message(bytes, start, end) {
          const batch = decodeEnvelopeBatch(bytes.subarray(start, end))
          messages.push(batch.map(({ log }) => String((log as { payload: Uint8Array }).payload)))
        },
      })),
    },
  })
  const { port } = await server.start()
  const { lines, seen } = linesTo(`127.0.0.1:${port}`, 1000)
  for (let i = 0; i < 130; i++) lines.write('app', `line ${i}`)
  await until(() => seen.sent === 130)
  lines.write('app', 'last')
  await lines.close()
  await until(() => messages.length === 3)
  expect(messages.map(({ length }) => length)).toEqual([100, 30, 1])
  expect(messages.flat().slice(-2)).toEqual(['line 129', 'last'])
  expect(seen.lost).toEqual([])
  await server.stop(AbortSignal.abort())
})

test('what does not fit is lost at once, and one failure stands for all that wait', async () => {
  const { lines, seen } = linesTo('127.0.0.1:1', 150)
  for (let i = 0; i < 300; i++) lines.write('app', `line ${i}`)
  // A hundred are under way.
  expect(seen.lost).toHaveLength(50)
  expect(seen.lost[0]).toBe('line 250')
  await until(() => seen.lost.length === 300)
  expect(seen.sent).toBe(0)
  await lines.close()
})
