import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { pinned } from './pinned.ts'

/**
 * A fixed piece of work (hashing, maps, strings, allocation) in a process of its own on the CPU of the role. On a shared
 * machine its time drifts by a factor of two; costs are comparable only together with it.
 */
function work(): number {
  let sum = 0
  for (let round = 0; round < 40; round++) {
    const map = new Map<string, Buffer>()
    for (let i = 0; i < 1500; i++) map.set(`key-${round}-${i}`, Buffer.alloc(256, i))
    for (const [key, value] of map) sum += createHash('sha256').update(value).update(key).digest()[0]!
  }
  return sum
}

/** Milliseconds of CPU that the work takes right now. */
export function calibrate(): number {
  const [command, args] = pinned(0, process.execPath, [import.meta.filename])
  const { stdout } = spawnSync(command, args, { encoding: 'utf8' })
  return Number(stdout)
}

if (process.argv[1] === import.meta.filename) {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  process.stdout.write(`${Math.round((user + system) / 1000)}\n`)
}
