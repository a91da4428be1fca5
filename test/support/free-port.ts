import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Each worker of a run has a range of its own. All lie below the ports that systems give to connections and to listeners
 * without a wish (32768 and up): nobody else comes by one while its owner is away, and nobody who knocks there meets itself.
 */
const [lowest, each, workers] = [10_000, 700, 32]
const from = lowest + (Number(process.env.VITEST_POOL_ID ?? 0) % workers) * each
let next = Math.floor(Math.random() * each)

/** A TCP port of 127.0.0.1 that nobody listens on and that was not given before, for configurations that need to name it. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < each; tries++) {
    const port = from + (next++ % each)
    const server = createServer().listen(port, '127.0.0.1')
    try {
      await once(server, 'listening')
    } catch {
      continue
    }
    await new Promise((resolve) => server.close(resolve))
    return port
  }
  throw new Error(`none of the ports from ${from} on is free`)
}

export const freePorts = (n: number): Promise<number[]> => Promise.all(Array.from({ length: n }, freePort))
