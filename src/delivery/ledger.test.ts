import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Account, Ledger } from './ledger.ts'
import { ledgerFamilies } from './ledger-families.ts'

const drain = (ledger: Ledger, destination: string) =>
  ledger.open('queue', 'drains', { protocol: 'syslog', destination }, { folded: true })

const series = (ledger: Ledger, name: string) =>
  ledgerFamilies(ledger)
    .find((family) => family.name === name)!
    .series.map(({ labels, value }) => ({ ...labels, value }))

describe('accounts', () => {
  test('are told apart by kind, id and labels, and are the same when opened again', () => {
    const ledger = new Ledger()
    const made = [
      ledger.open('queue', 'a'),
      ledger.open('receiver', 'a'),
      ledger.open('queue', 'b'),
      ledger.open('queue', 'a', { destination: 'x' }),
      ledger.open('queue', 'a', { destination: 'y' }),
      ledger.open('queue', 'a', { x: 'destination' }),
    ]
    expect(new Set(made).size).toBe(6)
    expect(ledger.accounts).toEqual(made)
    expect(ledger.open('queue', 'a', { destination: 'y' })).toBe(made[4])
  })

  test('of destinations that come and go are one series, which never goes back', () => {
    const ledger = new Ledger()
    const one = drain(ledger, 'one')
    expect(series(ledger, 'tailrace_held_records')).toEqual([
      { kind: 'queue', id: 'drains', protocol: 'syslog', value: 0 },
    ])
    const two = drain(ledger, 'two')
    one.received = 5
    one.sent = 3
    one.drop('displaced', 2)
    two.received = 4
    two.held = () => 4
    const sent = { id: 'drains', protocol: 'syslog', fate: 'sent', value: 3 }
    expect(series(ledger, 'tailrace_queue_records_total')).toContainEqual(sent)
    expect(series(ledger, 'tailrace_held_records')[0]!.value).toBe(4)
    one.close()
    expect(ledger.accounts).not.toContain(one)
    expect(series(ledger, 'tailrace_queue_records_total')).toContainEqual(sent)
    expect(series(ledger, 'tailrace_dropped_records_total')).toMatchObject([{ reason: 'displaced', value: 2 }])
    // It comes again: a new account, whose sums start with nothing.
    expect(drain(ledger, 'one')).toMatchObject({ received: 0, closed: false })
  })

  test('of a written destination have a series of their own until they are closed', () => {
    const ledger = new Ledger()
    const account = ledger.open('queue', 'otlp', { destination: 'a' })
    account.received = account.sent = 7
    expect(series(ledger, 'tailrace_held_records')).toEqual([{ kind: 'queue', id: 'otlp', destination: 'a', value: 0 }])
    account.close()
    expect(series(ledger, 'tailrace_held_records')).toEqual([{ kind: 'queue', id: 'otlp', value: 0 }])
    expect(ledger.open('queue', 'otlp')).toMatchObject({ received: 7, sent: 7 })
  })

  test('that still hold something when they are closed lose it as shutdown; a second close and late counts change nothing', () => {
    const ledger = new Ledger()
    const account = drain(ledger, 'a')
    account.received = 5
    account.sent = 2
    account.held = () => 3
    account.close()
    account.close()
    account.sent = 100
    account.close()
    const total = ledger.open('queue', 'drains', { protocol: 'syslog' })
    expect([total.received, total.sent, total.dropped('shutdown'), total.imbalance()]).toEqual([5, 2, 3, 0])
    expect(account.closed).toBe(true)
  })

  test('without a destination stay open', () => {
    const ledger = new Ledger()
    const account = ledger.open('receiver', 'r')
    account.offered = account.taken = 1
    account.close()
    expect(ledger.open('receiver', 'r')).toBe(account)
    expect(account.offered).toBe(1)
  })
})

test('however destinations come and go, sums never go back and the law adds up', () => {
  const step = fc.record({ name: fc.integer({ min: 0, max: 4 }), records: fc.nat(9), close: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const ledger = new Ledger()
      let received = 0
      for (const { name, records, close } of steps) {
        const account = drain(ledger, String(name))
        account.received += records
        account.sent += records >> 1
        account.drop('connection', records - (records >> 1))
        received += records
        if (close) account.close()
        const [shown] = ledger.summary() as [Account]
        expect(shown.received).toBe(received)
        expect(shown.imbalance()).toBe(0)
        expect(ledger.summary()).toHaveLength(1)
      }
    }),
  )
})

test('ten thousand of them open and close in constant time, each in less than a kilobyte', () => {
  const ledger = new Ledger()
  const names = Array.from({ length: 10_000 }, (_, i) => `app-${i} syslog-tls://drain.example.com:${i}`)
  const before = process.memoryUsage().heapUsed
  const accounts = names.map((name) => drain(ledger, name))
  for (const account of accounts) account.received = account.sent = 1
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(10_000 * 1024)
  // A search of all for each would be fifty million steps.
  const started = performance.now()
  for (let round = 0; round < 5; round++)
    for (const name of names) {
      drain(ledger, name).close()
      drain(ledger, name)
    }
  expect(performance.now() - started).toBeLessThan(20_000)
  expect(ledger.accounts).toHaveLength(10_001)
  expect(ledger.summary()).toMatchObject([{ received: 10_000, sent: 10_000 }])
})

test('queues on disk show what came over from the process before, what stays for the next, and how their disk is', () => {
  const ledger = new Ledger()
  ledger.open('queue', 'memory').received = 1
  const account = ledger.open('queue', 'otlp')
  account.recovered = account.sent = 5
  account.disk = () => ({ records: 0, bytes: 4096, trouble: 'no space', deadLetters: 2, deadLettersFailed: 1 })
  expect(account.imbalance()).toBe(0)
  const fates = series(ledger, 'tailrace_queue_records_total').filter((one) =>
    /recovered|kept/.test(JSON.stringify(one)),
  )
  expect(fates).toEqual([
    { id: 'otlp', fate: 'recovered', value: 5 },
    { id: 'otlp', fate: 'kept', value: 0 },
  ])
  expect(series(ledger, 'tailrace_queue_disk_bytes')).toEqual([{ id: 'otlp', value: 4096 }])
  expect(series(ledger, 'tailrace_queue_disk_failing')).toEqual([{ id: 'otlp', value: 1 }])
  expect(series(ledger, 'tailrace_dead_letter_records_total')).toEqual([{ id: 'otlp', value: 2 }])
})
