import { closeSync, writeSync } from 'node:fs'
import { openUnixSockets } from '../net/unix-sockets.ts'
import type { Log } from '../runtime/log.ts'

/** What a service manager such as systemd is told (sd_notify(3)); calls without one do nothing. */
export interface ServiceManager {
  /** Everything runs, or runs again after a reload. `status` is what `systemctl status` shows. */
  ready(status: string): void
  reloading(): void
  /** Nothing but signs of life is told behind it. */
  stopping(): void
  close(): void
}

const nobody: ServiceManager = { ready() {}, reloading() {}, stopping() {}, close() {} }

/**
 * Speaks to the socket in NOTIFY_SOCKET, if there is one. With WATCHDOG_USEC it gives a sign of life twice in that time: an
 * event loop that is stuck gives none, and the process is restarted.
 */
export function serviceManager(log: Log, env: NodeJS.ProcessEnv = process.env, pid = process.pid): ServiceManager {
  const path = env.NOTIFY_SOCKET
  if (!path) return nobody
  let fd: number | undefined
  try {
    fd = openUnixSockets().connect(path)
  } catch (error) {
    log.warn(`the service manager is not told when everything runs: ${(error as Error).message}`)
    return nobody
  }
  if (fd === undefined) {
    log.warn('the service manager is not told when everything runs: nobody reads NOTIFY_SOCKET', { path })
    return nobody
  }
  const socket = fd
  const tell = (...lines: string[]) => {
    try {
      writeSync(socket, lines.join('\n'))
    } catch {
      // A manager that does not read must not stop us; the next line may get through.
    }
  }
  const watchdogMs = !env.WATCHDOG_PID || Number(env.WATCHDOG_PID) === pid ? Number(env.WATCHDOG_USEC) / 1000 : 0
  const alive = watchdogMs > 0 ? setInterval(() => tell('WATCHDOG=1'), Math.max(1, watchdogMs / 2)) : undefined
  alive?.unref()
  // A reload may end after the stop has begun: the manager must not hear that everything runs.
  let isStopping = false
  return {
    ready(status) {
      if (!isStopping) tell('READY=1', `STATUS=${status}`, `MAINPID=${pid}`)
    },
    reloading() {
      if (isStopping) return
      tell('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`, 'STATUS=reloading')
    },
    stopping() {
      isStopping = true
      tell('STOPPING=1', 'STATUS=draining')
    },
    close() {
      clearInterval(alive)
      closeSync(socket)
    },
  }
}
