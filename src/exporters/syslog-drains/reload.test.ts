import { readdirSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { newFolder } from '../../../test/support/folder.ts'
import { freePort } from '../../../test/support/free-port.ts'
import { ManualClock } from '../../runtime/clock.ts'
import {
  atEnd,
  bindingCache,
  bindingsJson,
  cleanUp,
  exporter,
  logs,
  newStorage,
  range,
  type TcpDrain,
  tcpDrain,
  until,
} from './test-kit.ts'

afterEach(cleanUp)

const url = (port: number) => `syslog://127.0.0.1:${port}`

/** Reads nothing before it is told to. */
async function lazyDrain() {
  let reads = false
  const drain = await tcpDrain({ onSocket: (socket) => void (reads || socket.pause()) })
  const turn = (to: boolean) => () => {
    reads = to
    for (const socket of drain.sockets) to ? socket.resume() : socket.pause()
  }
  return { drain, read: turn(true), stall: turn(false) }
}

const deadDrain = async (): Promise<{ port: number; comeBack(): Promise<TcpDrain> }> => {
  const port = await freePort()
  return { port, comeBack: () => tcpDrain({ port }) }
}

test('a changed exporter goes on with what waits for its drains, in order, over the connections there are', async () => {
  const well = await tcpDrain()
  const { drain: slow, read } = await lazyDrain()
  const dead = await deadDrain()
  const aggregate_drains = [url(well.port), url(slow.port), url(dead.port)]
  const { made, account, metric, reload, budget, ledger } = await exporter({ aggregate_drains, max_write: '64KiB' })
  const line = 'x'.repeat(3000)
  const lines = Array.from({ length: 4000 }, (_, i) => `${i} ${line}`)
  for (const text of lines.slice(0, 2000)) made.consume(logs('app', text))
  await until(() => well.messages.length === 2000)
  const held = account.held()
  const memory = budget.used
  expect(held).toBeGreaterThan(2000)
  const next = await reload({ aggregate_drains, max_write: '64KiB', idle_timeout: '1m' }, undefined, async () => {
    expect([account.held(), account.imbalance()]).toEqual([held, 0])
  })
  expect([account.held(), budget.used, account.imbalance()]).toEqual([held, memory, 0])
  for (const text of lines.slice(2000)) next.consume(logs('app', text))
  read()
  const back = await dead.comeBack()
  const all = [well, slow, back]
  await until(() => all.every(({ messages }) => messages.length === lines.length))
  for (const drain of all) expect(drain.texts()).toEqual(lines)
  expect([well.connections, slow.connections]).toEqual([1, 1])
  await until(() => account.held() === 0)
  expect(account).toMatchObject({ received: 12_000, sent: 12_000, droppedTotal: 0 })
  expect(metric('sent_total').map(({ value }) => value)).toEqual([4000, 4000, 4000])
  expect(metric('handed_total')[0]!.value).toBe(12_000)
  expect(budget.used).toBe(0)
  for (const each of ledger.accounts) expect(each.imbalance()).toBe(0)
})

test('the pause of a drain that cannot be reached goes on, unless it is to be reached in another way', async () => {
  const dead = await deadDrain()
  const aggregate_drains = [url(dead.port)]
  const { made, account, reload, lines } = await exporter({ aggregate_drains })
  made.consume(logs('app', 'line'))
  await until(() => account.trouble!() !== undefined)
  const since = account.trouble!()!.since
  await reload({ aggregate_drains, queue_size: 5 })
  expect(account.trouble!()!.since).toBe(since)
  const back = await dead.comeBack()
  await reload({ aggregate_drains, dial_timeout: '7s' })
  await until(() => back.messages.length === 1)
  await until(() => account.trouble!() === undefined)
  expect(lines.filter((each) => each.includes('fault'))).toEqual([])
})

test('tighter limits lose the oldest, and count them; a failure before the change leaves everything as it was', async () => {
  const dead = await deadDrain()
  const aggregate_drains = [url(dead.port)]
  const { made, account, reload } = await exporter({ aggregate_drains })
  made.consume(logs('app', ...range(0, 100)))
  await expect(reload({ aggregate_drains, tls: { cipher_suites: 'NONE-SUCH' } })).rejects.toThrow('tls config')
  await expect(reload({ aggregate_drains, sending_queue: { storage: 'file_storage' } })).rejects.toThrow('not found')
  expect([account.held(), account.imbalance()]).toEqual([100, 0])
  made.consume(logs('app', ...range(100, 150)))
  await reload({ aggregate_drains, queue_size: 40 })
  expect([account.held(), account.dropped('displaced'), account.imbalance()]).toEqual([40, 110, 0])
  const back = await dead.comeBack()
  await reload({ aggregate_drains, queue_size: 40, dial_timeout: '7s' })
  await until(() => back.messages.length === 40)
  expect(back.texts()).toEqual(range(110, 150))
})

test('hundreds of drains learn of other settings in several turns, and none is forgotten by the next reload', async () => {
  const { port } = await deadDrain()
  const manual = new ManualClock()
  let asked = 0
  // Time passes with every look at it.
  const clock = { now: () => manual.now(), monotonic: () => (asked += 5), after: manual.after.bind(manual) }
  const aggregate_drains = Array.from({ length: 200 }, (_, i) => `${url(port)}/${i}`)
  const { made, account, reload } = await exporter({ aggregate_drains }, clock)
  made.consume(logs('app', ...range(0, 100)))
  const displaced = () => account.dropped('displaced')
  await reload({ aggregate_drains, queue_size: 40 })
  expect(displaced()).toBeGreaterThan(0)
  expect([displaced() < 200 * 60, account.imbalance()]).toEqual([true, 0])
  await reload({ aggregate_drains, queue_size: 20 })
  await until(() => displaced() === 200 * 80)
  expect([account.held(), account.imbalance()]).toEqual([200 * 20, 0])
})

test('a drain that the new one does not have still gets what waits, as long as that works; the rest is counted', async () => {
  const { drain: slow, read } = await lazyDrain()
  const [dead, stays] = [await deadDrain(), await tcpDrain()]
  const { made, account, reload, metric } = await exporter({
    aggregate_drains: [url(slow.port), url(dead.port), url(stays.port)],
  })
  const text = 'y'.repeat(10_000)
  for (let i = 0; i < 900; i++) made.consume(logs('app', `${i} ${text}`))
  await until(() => stays.messages.length === 900)
  await reload({ aggregate_drains: [url(stays.port)] })
  await until(() => account.dropped('no_destination') > 0)
  read()
  await until(() => account.held() === 0 && slow.messages.length === 900)
  expect(slow.texts().map((line) => Number.parseInt(line, 10))).toEqual(Array.from({ length: 900 }, (_, i) => i))
  expect([account.dropped('no_destination'), account.droppedTotal, account.imbalance()]).toEqual([900, 900, 0])
  await until(() => metric('active_drains')[0]!.value === 1)
})

test('drains of applications stay while the new one has not heard of the cache, and change with its list', async () => {
  const drain = await tcpDrain()
  const answers: { bindings: string | number; aggregate: string } = {
    bindings: bindingsJson({ [url(drain.port)]: ['a'] }),
    aggregate: 'null\n',
  }
  const cache = await bindingCache(answers)
  const bindings = { ...cache.settings, polling_interval: '1m' }
  const { made, reload, metric } = await exporter({ bindings })
  made.consume(logs('a', 'one'))
  await until(() => drain.messages.length === 1)
  answers.bindings = 503
  const next = await reload({ bindings: { ...bindings, timeout: '5s' } })
  next.consume(logs('a', 'two'))
  await until(() => drain.messages.length === 2)
  expect([drain.connections, metric('app_drains')[0]!.value]).toEqual([1, 1])
  answers.bindings = '[]\n'
  const last = await reload({ bindings: { ...bindings, timeout: '6s' } })
  last.consume(logs('a', 'three'))
  expect(metric('app_drains')[0]!.value).toBe(0)
})

describe('with a disk', () => {
  const small = { queue_size: 100, queue_bytes: '64KiB', max_write: '8KiB', sending_queue: { storage: 'file_storage' } }

  async function flooded(aggregate_drains: string[]) {
    const storage = await newStorage(newFolder())
    const house = await exporter({ ...small, aggregate_drains }, undefined, storage)
    house.made.consume(logs('app', ...range(0, 60)))
    await until(() => house.lines.some((line) => line.includes('part of its queue on disk')))
    house.made.consume(logs('app', ...range(60, 2000)))
    return house
  }

  test('what is there goes on behind what is in memory', async () => {
    const dead = await deadDrain()
    const aggregate_drains = [url(dead.port)]
    const { account, reload } = await flooded(aggregate_drains)
    expect([account.held(), account.imbalance()]).toEqual([2000, 0])
    const next = await reload({ ...small, aggregate_drains, idle_timeout: '1m' })
    next.consume(logs('app', ...range(2000, 3000)))
    const back = await dead.comeBack()
    await until(() => back.messages.length === 3000)
    expect(back.texts()).toEqual(range(0, 3000))
    await until(() => account.held() === 0)
    expect(account).toMatchObject({ received: 3000, recovered: 0, kept: 0, sent: 3000, droppedTotal: 0 })
    expect(account.imbalance()).toBe(0)
  })

  test('a smaller queue loses what was in memory alone: what is on disk comes back as there is room', async () => {
    const dead = await deadDrain()
    const aggregate_drains = [url(dead.port)]
    const large = { ...small, queue_size: 1000, queue_bytes: '4MiB', aggregate_drains }
    const { made, account, reload, lines } = await exporter(large, undefined, await newStorage(newFolder()))
    made.consume(logs('app', ...range(0, 600)))
    await until(() => lines.some((line) => line.includes('part of its queue on disk')))
    made.consume(logs('app', ...range(600, 5000)))
    const next = await reload({ ...large, queue_size: 40 })
    const lost = account.dropped('displaced')
    expect([account.held(), lost, account.imbalance()]).toEqual([4140, 860, 0])
    next.consume(logs('app', ...range(5000, 6000)))
    const back = await dead.comeBack()
    await reload({ ...large, queue_size: 40, dial_timeout: '7s' })
    await until(() => account.held() === 0)
    expect([account.dropped('displaced'), account.droppedTotal, account.imbalance()]).toEqual([860, 860, 0])
    await until(() => back.messages.length === 5140)
    expect(back.texts()).toEqual(range(860, 6000))
  })

  test('what a process before left of their memory there goes before what came since', async () => {
    const [directory, dead] = [newFolder(), await deadDrain()]
    const aggregate_drains = [url(dead.port)]
    const first = await exporter({ ...small, aggregate_drains }, undefined, await newStorage(directory))
    first.made.consume(logs('app', ...range(0, 40)))
    await first.made.stop(AbortSignal.timeout(1000))
    const { sending_queue: _, ...diskless } = small
    expect(readdirSync(directory).filter((name) => name.endsWith('_memory'))).toHaveLength(1)
    const { made, account, reload } = await exporter({ ...diskless, aggregate_drains })
    made.consume(logs('app', ...range(40, 70)))
    await reload({ ...small, aggregate_drains }, await newStorage(directory))
    // All of it is back, and its folder of no use.
    await until(() => !readdirSync(directory).some((name) => name.endsWith('_memory')))
    expect(account.recovered).toBe(40)
    const back = await dead.comeBack()
    await reload({ ...small, aggregate_drains, dial_timeout: '7s' }, await newStorage(directory))
    await until(() => back.messages.length === 70)
    expect(back.texts()).toEqual(range(0, 70))
    await until(() => account.held() === 0)
    expect([account.sent, account.droppedTotal, account.imbalance()]).toEqual([70, 0, 0])
  })

  test.each(['moved', 'gone'])('what is on one that is %s comes first', async (how) => {
    const dead = await deadDrain()
    const aggregate_drains = [url(dead.port)]
    const { account, reload } = await flooded(aggregate_drains)
    const other = how === 'moved' ? await newStorage(newFolder()) : undefined
    const sending_queue = how === 'moved' ? { storage: 'file_storage' } : {}
    const next = await reload({ ...small, sending_queue, aggregate_drains }, other)
    next.consume(logs('app', ...range(2000, 2500)))
    const back = await dead.comeBack()
    await until(() => back.messages.length === 2500)
    expect(back.texts()).toEqual(range(0, 2500))
    await until(() => account.held() === 0)
    expect([account.sent, account.droppedTotal, account.imbalance()]).toEqual([2500, 0, 0])
  })
})

test('reload after reload under load: nothing is lost, doubled or out of order, whatever changes', async () => {
  const well = await tcpDrain()
  const { drain: slow, read } = await lazyDrain()
  const dead = await deadDrain()
  const aggregate_drains = [url(well.port), url(slow.port), url(dead.port)]
  const roomy = { aggregate_drains, queue_size: 100_000, queue_bytes: '64MiB' }
  const house = await exporter(roomy)
  let { made } = house
  let next = 0
  let done = false
  const load = (async () => {
    while (!done) {
      made.consume(logs('app', ...range(next, next + 20)))
      next += 20
      await new Promise((resolve) => setImmediate(resolve))
    }
  })()
  atEnd(() => (done = true))
  let back: TcpDrain | undefined
  for (let round = 0; round < 12; round++) {
    const more = [
      { max_write: `${8 + round}KiB` },
      { idle_timeout: `${60 + round}s` },
      { max_memory: `${200 + round}MiB` },
    ]
    made = await house.reload({ ...roomy, ...more[round % 3] })
    expect(house.account.imbalance()).toBe(0)
    if (round === 4) read()
    if (round === 8) back = await dead.comeBack()
    const before = next
    await until(() => next > before + 1000)
  }
  done = true
  await load
  read()
  const all = [well, slow, back!]
  await until(() => all.every(({ messages }) => messages.length >= next))
  const order = (texts: string[]) => texts.toSorted((a, b) => Number(a.slice(5)) - Number(b.slice(5))).join()
  // Another `max_write` is another connection, and who reads two at a time has to put them in order.
  for (const drain of all) expect(order(drain.texts()) === range(0, next).join()).toBe(true)
  await until(() => house.account.held() === 0)
  expect(house.account).toMatchObject({ received: 3 * next, sent: 3 * next, droppedTotal: 0 })
})

/** Numbers below `n`, the same ones for the same seed. */
function newDice(seed: number): (n: number) => number {
  let state = seed * 7919
  return (n) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
}

/** Long runs: `RUNS=500 npx vitest run --project unit src/exporters/syslog-drains/reload.test.ts`. */
const seeds = Array.from({ length: Number(process.env.RUNS ?? 8) }, (_, i) => i + 1)

test.each(seeds)('whatever happens, the books add up and nothing arrives that was not sent: %i', async (seed) => {
  const roll = newDice(seed)
  const well = await tcpDrain()
  const { drain: slow, read, stall } = await lazyDrain()
  const dead = await deadDrain()
  const drains = () => [well, ...(roll(3) ? [slow] : []), ...(roll(3) ? [dead] : [])].map(({ port }) => url(port))
  const settings = () => ({
    aggregate_drains: drains(),
    queue_size: 500 + roll(5000),
    max_memory: `${100 + roll(4000)}KiB`,
    idle_timeout: `${60 + roll(60)}s`,
    ...(roll(3) === 0 && { max_write: `${8 + roll(100)}KiB` }),
  })
  const house = await exporter(settings())
  const { account, ledger, budget, reload } = house
  let { made } = house
  let next = 0
  const steps = [
    () => {
      const to = next + 1 + roll(300)
      made.consume(logs('app', ...range(next, to).map((text) => text.padEnd(1 + roll(2000), '.'))))
      next = to
    },
    async () => {
      made = await reload(settings())
    },
    () => expect(reload(settings(), undefined, () => Promise.reject(new Error('no')))).rejects.toThrow('no'),
    () => (roll(2) ? read() : stall()),
    () => new Promise((resolve) => setTimeout(resolve, roll(8))),
  ]
  for (let i = 0; i < 60; i++) {
    await steps[Math.max(0, roll(9) - 4)]!()
    for (const each of ledger.accounts) expect(each.imbalance()).toBe(0)
  }
  read()
  const back = await dead.comeBack()
  made = await reload({ aggregate_drains: [well, slow, dead].map(({ port }) => url(port)), dial_timeout: '7s' })
  await until(() => account.held() === 0)
  const all = [well, slow, back]
  await until(() => all.reduce((sum, { messages }) => sum + messages.length, 0) >= account.sent)
  expect(account.maybe_duplicate).toBe(0)
  expect([account.received, budget.used]).toEqual([account.sent + account.droppedTotal, 0])
  for (const drain of all) expect(new Set(drain.texts()).size).toBe(drain.messages.length)
  expect(well.messages.length).toBeGreaterThan(0)
})
