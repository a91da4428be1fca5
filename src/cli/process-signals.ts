import { systemClock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { ExitCode } from './exit-codes.ts'

/** How soon after the first signal another one is its echo: npm repeats what the terminal has sent already. */
const echoMs = 500

/** Resolves with the name of the first signal that asks for an end. A second one ends the process at once. */
export function whenAskedToStop(): Promise<string> {
  return new Promise((resolve) => {
    let asked: number | undefined
    const onSignal = (signal: NodeJS.Signals) => {
      const now = systemClock.monotonic()
      if (asked !== undefined && now - asked > echoMs) process.exit(ExitCode.failed)
      asked ??= now
      resolve(signal)
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
  })
}

/** Signals that only ask, and faults that must not end the process. The answer stops listening to them. */
export function watchProcess(log: Log, { report, reload }: { report(): void; reload(): void }): () => void {
  const fault = (error: unknown) => {
    const { stack } = error as Error
    log.error('a fault of the program; going on', {
      error: stack?.split('\n').slice(0, 4).join(' | ') ?? String(error),
    })
  }
  const handlers = { SIGUSR1: report, SIGHUP: reload, uncaughtException: fault, unhandledRejection: fault }
  for (const [name, handler] of Object.entries(handlers)) process.on(name, handler)
  // Whoever read our log may go away. Without a listener that is a fault, which is logged, which is a fault.
  process.stderr.on('error', () => {})
  return () => {
    for (const [name, handler] of Object.entries(handlers)) process.off(name, handler)
  }
}
