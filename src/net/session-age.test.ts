import { expect, onTestFinished, test } from 'vitest'
import { ManualClock } from '../runtime/clock.ts'
import { unary } from './grpc-types.ts'
import { limitAge, type SessionLimits } from './session-age.ts'
import { newPair, until } from './test-kit.ts'

const never: SessionLimits = { idleMs: 0, ageMs: 0, graceMs: 0 }

function aging(limits: Partial<SessionLimits>, random = 0.5) {
  const clock = new ManualClock()
  const said: string[] = []
  const session = {
    idleSince: clock.monotonic() as number | undefined,
    close: () => void said.push('close'),
    destroy: () => void said.push('destroy'),
  }
  const over = limitAge(session, { ...never, ...limits }, clock, () => random)
  return { clock, said, session, over }
}

test('a connection is closed when no call ran for the whole time', () => {
  const { clock, said, session } = aging({ idleMs: 1000 })
  session.idleSince = undefined
  clock.advance(5000)
  expect(said).toEqual([])
  session.idleSince = clock.monotonic()
  clock.advance(999)
  expect(said).toEqual([])
  clock.advance(1)
  expect(said).toEqual(['close'])
})

test.each([
  [0, 900],
  [0.5, 1000],
  [1, 1100],
])(
  'one that is old is closed a tenth earlier or later (%d: %d ms), and cut off when its grace is over',
  (random, ms) => {
    const { clock, said } = aging({ ageMs: 1000, graceMs: 200 }, random)
    clock.advance(ms - 1)
    expect(said).toEqual([])
    clock.advance(1)
    expect(said).toEqual(['close'])
    clock.advance(200)
    expect(said).toEqual(['close', 'destroy'])
  },
)

test('without grace calls have as long as they take; nothing happens after the end', () => {
  const { clock, said, over } = aging({ ageMs: 1000, idleMs: 5000 })
  clock.advance(1000)
  over()
  clock.advance(100_000)
  expect(said).toEqual(['close'])
})

test('a client comes back on a new connection, and no call fails', async () => {
  const clock = new ManualClock()
  const methods = { '/s/Echo': unary((message) => Buffer.from(message)) }
  const { client, server, stop } = await newPair({ methods, clock, age: { ...never, idleMs: 1000 } })
  onTestFinished(stop)
  for (let connections = 1; connections <= 3; connections++) {
    expect((await client.unary('/s/Echo', Buffer.from('a'))).toString()).toBe('a')
    expect(server.stats.connectionsAccepted).toBe(connections)
    clock.advance(1000)
    clock.advance(1000)
    await until(() => server.stats.connectionsOpen === 0)
  }
})
