import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

const canPin = availableParallelism() > 1 && spawnSync('taskset', ['-c', '0', 'true']).status === 0

/** `--realtime`: before everything else that runs on these CPUs (needs root). */
const realtime = process.argv.includes('--realtime')

/** A command line that runs on one CPU, where the machine can do that. */
export function pinned(cpu: number, command: string, args: readonly string[]): [string, string[]] {
  if (!canPin) return [command, [...args]]
  const priority = realtime ? ['chrt', '-r', String(cpu + 1)] : []
  return ['taskset', ['-c', String(cpu), ...priority, command, ...args]]
}

export const pinning: string = canPin ? 'role on CPU 0, load and destinations on CPU 1' : 'not pinned'
