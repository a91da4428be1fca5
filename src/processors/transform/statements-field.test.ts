import { expect, test, vi } from 'vitest'
import { faults } from '../../ottl/testing/run.ts'
import transform from './index.ts'

/** Tokens that are cut from statements while a configuration is checked. */
function tokensFor(statements: readonly string[]): number {
  const exec = vi.spyOn(RegExp.prototype, 'exec')
  expect(faults(transform, { log_statements: statements })).toBe('')
  const { length } = exec.mock.calls
  exec.mockRestore()
  return length
}

test.each([
  ['on their own', 'set(log.body, "a") where log.severity_number == 9'],
  ['that share a cache', 'set(log.cache["a"], log.body)'],
])('checking twice as many statements %s takes twice the work', (_, statement) => {
  const some = (count: number) => Array.from({ length: count }, () => statement)
  tokensFor(some(1))
  const [few, twice, many] = [tokensFor(some(50)), tokensFor(some(100)), tokensFor(some(150))]
  expect(twice - few).toBeGreaterThan(50)
  expect(many - twice).toBe(twice - few)
})
