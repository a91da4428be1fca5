import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

const canPin = availableParallelism() > 1 && spawnSync('taskset', ['-c', '0', 'true']).status === 0

/** A command line that runs on one CPU, where the machine can do that. */
export function pinned(cpu: number, command: string, args: readonly string[]): [string, string[]] {
  return canPin ? ['taskset', ['-c', String(cpu), command, ...args]] : [command, [...args]]
}

export const pinning: string = canPin ? 'role on CPU 0, load and destinations on CPU 1' : 'not pinned'
