import { totalmem } from 'node:os'
import type { MemoryLimits } from '../../delivery/budget.ts'

/** What an operator wrote. Durations in milliseconds; 0 where nothing was written. */
export interface LimiterConfig {
  check_interval: number
  limit_mib: number
  spike_limit_mib: number
  limit_percentage: number
  spike_limit_percentage: number
}

const mebibyte = 1 << 20

/** What is wrong with the settings, in the Collector's words, with the key to mend. */
export function limitFaults(config: LimiterConfig): { key: string; message: string }[] {
  const { check_interval, limit_mib, spike_limit_mib, limit_percentage, spike_limit_percentage } = config
  const faults: { key: string; message: string }[] = []
  const fault = (key: string, message: string) => void faults.push({ key, message })
  if (check_interval <= 0) fault('check_interval', "'check_interval' must be greater than zero")
  if (limit_mib === 0 && limit_percentage === 0)
    fault('limit_mib', "'limit_mib' or 'limit_percentage' must be greater than zero")
  if (limit_percentage > 100 || spike_limit_percentage > 100)
    fault(
      limit_percentage > 100 ? 'limit_percentage' : 'spike_limit_percentage',
      "'limit_percentage' and 'spike_limit_percentage' must be greater than zero and less than or equal to hundred",
    )
  if (limit_mib > 0 && limit_mib <= spike_limit_mib)
    fault('spike_limit_mib', "'spike_limit_mib' must be smaller than 'limit_mib'")
  if (limit_mib === 0 && limit_percentage > 0 && limit_percentage <= spike_limit_percentage)
    fault('spike_limit_percentage', "'spike_limit_percentage' must be smaller than 'limit_percentage'")
  return faults
}

/** The limits in bytes. `limit_mib` wins over the percentage; without a spike limit a fifth is left. */
export function limitsOf(config: LimiterConfig, available: number = memoryOfMachine()): MemoryLimits {
  const percent = (part: number) => Math.floor((available * part) / 100)
  const byMib = config.limit_mib > 0
  const limit = byMib ? config.limit_mib * mebibyte : percent(config.limit_percentage)
  const spike = byMib ? config.spike_limit_mib * mebibyte : percent(config.spike_limit_percentage)
  return { limit, soft: limit - (spike || Math.floor(limit / 5)) }
}

/** What the container may use, or what the machine has where there is no such bound. */
function memoryOfMachine(): number {
  const constrained = process.constrainedMemory()
  const total = totalmem()
  return constrained > 0 && constrained < total ? constrained : total
}
