import { expect, test } from 'vitest'
import { Budget } from '../../delivery/budget.ts'
import type { TcpConnection } from '../../net/tcp-connection.ts'
import { newPartialMessages } from './partial-messages.ts'

function newConnection() {
  const log: string[] = []
  return {
    log,
    connection: { hold: () => void log.push('held'), letGo: () => void log.push('read') } as unknown as TcpConnection,
  }
}

test('who began a message that has no room is read again when there is some', () => {
  const budget = new Budget('service', 1000)
  const partial = newPartialMessages(budget, { isBlocked: false })
  const { log, connection } = newConnection()
  budget.take(900)
  expect(partial.hold(50)).toBe(true)
  expect(partial.hold(200)).toBe(false)
  expect(partial.waits(connection)).toBe(true)
  expect(log).toEqual(['held'])
  budget.give(100)
  expect([log, budget.used]).toEqual([['held'], 1050])
  budget.give(800)
  expect(log).toEqual(['held', 'read'])
})

test('messages that never end may hold half of all memory, no more', () => {
  const budget = new Budget('service', 1000)
  const partial = newPartialMessages(budget, { isBlocked: false })
  const { log, connection } = newConnection()
  partial.hold(600)
  budget.take(500)
  expect(partial.waits(connection)).toBe(false)
  partial.hold(-600)
  expect([log, budget.used]).toEqual([[], 500])
})
