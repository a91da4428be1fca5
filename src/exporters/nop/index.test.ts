import { expect, test } from 'vitest'
import { otlpLogs } from '../../../test/support/delivery.ts'
import { Budget } from '../../delivery/budget.ts'
import { Ledger } from '../../delivery/ledger.ts'
import { newHost } from '../../engine/host.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { Metrics } from '../../runtime/metrics.ts'
import { Receipt } from '../../telemetry/receipt.ts'
import nop from './index.ts'

test('takes everything at once and counts it as sent', () => {
  const ledger = new Ledger()
  const shared = { log: silentLog, clock: new ManualClock(), metrics: new Metrics(), ledger, budget: new Budget('all') }
  const extension = () => undefined
  const host = newHost(shared, { kind: 'exporter', type: 'nop', id: 'nop', readsOrigins: false, extension })
  const exporter = nop.create({ config: nop.config.parse({}), host })
  const outcomes: unknown[] = []
  exporter.consume(otlpLogs(['a', 'b'], { receipts: [new Receipt((outcome) => outcomes.push(outcome))] }))
  expect(outcomes).toEqual(['delivered'])
  expect(exporter.admissions()).toEqual([])
  expect(ledger.accounts[0]).toMatchObject({ received: 2, sent: 2 })
})
