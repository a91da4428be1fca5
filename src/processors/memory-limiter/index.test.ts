import { describe, expect, test } from 'vitest'
import { envelopes } from '../../../test/support/delivery.ts'
import { Refused } from '../../delivery/admission.ts'
import { Budget } from '../../delivery/budget.ts'
import { Account } from '../../delivery/ledger.ts'
import { ReceiverIntake } from '../../engine/intake.ts'
import limiter from './index.ts'
import { type LimiterConfig, limitsOf } from './limits.ts'

const config = (settings: object) => limiter.config.parse({ check_interval: '1s', ...settings }) as LimiterConfig
const mib = 1 << 20

describe('settings', () => {
  const faults: [object, string][] = [
    [{ limit_mib: 100, check_interval: 0 }, "'check_interval' must be greater than zero"],
    [{ check_interval: '1s' }, "'limit_mib' or 'limit_percentage' must be greater than zero"],
    [
      { check_interval: '1s', limit_mib: 10, spike_limit_mib: 10 },
      "'spike_limit_mib' must be smaller than 'limit_mib'",
    ],
    [
      { check_interval: '1s', limit_percentage: 10, spike_limit_percentage: 20 },
      "'spike_limit_percentage' must be smaller than 'limit_percentage'",
    ],
    [
      { check_interval: '1s', limit_percentage: 101 },
      "'limit_percentage' and 'spike_limit_percentage' must be greater than zero and less than or equal to hundred",
    ],
  ]
  test.each(faults)('%j', (settings, message) => {
    expect(limiter.config.safeParse(settings).error?.issues.map((issue) => issue.message)).toEqual([message])
  })

  const limits: [object, number, number][] = [
    [{ limit_mib: 100 }, 100 * mib, 80 * mib],
    [{ limit_mib: 100, spike_limit_mib: 30 }, 100 * mib, 70 * mib],
    [{ limit_mib: 100, limit_percentage: 50 }, 100 * mib, 80 * mib],
    [{ limit_percentage: 50 }, 500, 400],
    [{ limit_percentage: 50, spike_limit_percentage: 20 }, 500, 300],
  ]
  test.each(limits)('%j', (settings, limit, soft) => expect(limitsOf(config(settings), 1000)).toEqual({ limit, soft }))
})

describe('what receivers do when memory is short', () => {
  function newIntake(pushesBack: boolean, shorted: number[] = []) {
    const account = new Account('receiver', 'r', {})
    const budget = new Budget('service', 10_000)
    budget.softBytes = 8000
    const next = { consume: () => {} }
    const admissions = () => []
    const onShort = (records: number) => void shorted.push(records)
    return { account, budget, intake: new ReceiverIntake({ next, account, budget, admissions, pushesBack, onShort }) }
  }

  test('a peer that can wait is told when to come again, below the soft bound everything is taken', () => {
    const shorted: number[] = []
    const { account, budget, intake } = newIntake(true, shorted)
    expect(intake.offer(envelopes(['a']))).toBeUndefined()
    budget.take(7900)
    let refused: unknown
    try {
      void intake.offer(envelopes(['b', 'c']))
    } catch (error) {
      refused = error
    }
    expect(refused).toBeInstanceOf(Refused)
    expect(refused).toMatchObject({ reason: 'data refused due to high memory usage', retryAfterMs: 1000 })
    budget.give(7900)
    expect(intake.offer(envelopes(['b', 'c']))).toBeUndefined()
    expect(account).toMatchObject({ offered: 5, taken: 3, refused: 2 })
    expect([account.imbalance(), shorted]).toEqual([0, [2]])
  })

  test('a protocol that cannot refuse loses the newest, counted', () => {
    const { account, budget, intake } = newIntake(false)
    budget.take(9000)
    void intake.offer(envelopes(['a']))
    budget.give(9000)
    void intake.offer(envelopes(['b']))
    expect(account).toMatchObject({ offered: 2, taken: 1, refused: 0 })
    expect([account.dropped('memory'), account.imbalance()]).toEqual([1, 0])
  })
})
