import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import type { Clock, Timer } from '../../runtime/clock.ts'

/** Checks bcrypt hashes in a thread of its own: one takes 5 ms to 1 s, and nothing else is to wait for that. */
export interface BcryptThread {
  /** Rejects when the thread ended. */
  check(password: string, hash: string): Promise<boolean>
  stop(): Promise<void>
}

/** The thread ends when nobody has asked for this long; it costs some 10 MB. */
const idleMs = 10_000

/** A text and no file: it must be the same in a checkout and in the bundle. */
const program = `
const { parentPort, workerData } = require('node:worker_threads')
const { compareSync } = require(workerData)
parentPort.on('message', ({ id, password, hash }) => parentPort.postMessage({ id, same: compareSync(password, hash) }))
`

interface Asked {
  readonly resolve: (same: boolean) => void
  readonly reject: (error: Error) => void
}

/** One thread, and who waits for it: what its end says is not said to those of the next. */
interface Running {
  readonly worker: Worker
  readonly asked: Map<number, Asked>
}

/** The thread starts with the first question. */
export function newBcryptThread(clock: Clock): BcryptThread {
  let running: Running | undefined
  let idle: Timer | undefined
  let last = 0

  const end = async () => {
    idle?.cancel()
    const ending = running
    running = undefined
    await ending?.worker.terminate()
  }
  const start = (): Running => {
    const asked = new Map<number, Asked>()
    const worker = new Worker(program, {
      eval: true,
      workerData: createRequire(import.meta.url).resolve('bcryptjs'),
      resourceLimits: { maxOldGenerationSizeMb: 32 },
    })
    // Whoever ends the process does not wait for a password.
    worker.unref()
    worker.on('message', ({ id, same }: { id: number; same: boolean }) => {
      asked.get(id)?.resolve(same)
      asked.delete(id)
      if (asked.size === 0) idle = clock.after(idleMs, () => void end())
    })
    const failed = (error: Error) => {
      if (running?.worker === worker) running = undefined
      for (const { reject } of asked.values()) reject(error)
      asked.clear()
    }
    worker.on('error', failed)
    worker.on('exit', () => failed(new Error('the thread that checks bcrypt hashes ended')))
    return { worker, asked }
  }
  return {
    check: (password, hash) =>
      new Promise((resolve, reject) => {
        idle?.cancel()
        running ??= start()
        const id = ++last
        running.asked.set(id, { resolve, reject })
        running.worker.postMessage({ id, password, hash })
      }),
    stop: end,
  }
}
