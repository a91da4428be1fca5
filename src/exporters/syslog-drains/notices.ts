import type { AppLines } from '../../drains/app-lines.ts'
import type { DropReason } from '../../plugin.ts'
import type { Clock, Timer } from '../../runtime/clock.ts'
import type { Log } from '../../runtime/log.ts'
import { lossWords } from './loss-words.ts'
import type { DrainSpec } from './merge.ts'
import type { DrainError } from './transport.ts'

/** The first loss of a drain is told after this long, so that the line has a number worth telling. */
const firstLossMs = 1000
/** After that, and for failures, a line a minute. */
const everyMs = 60_000
/** A connection that was closed while it stood idle costs a repeat, and is no news. */
const firstFailures = 3

/** What is remembered of one drain's trouble. */
interface Trouble {
  lost: Map<DropReason, number>
  since: number
  lossTimer: Timer | undefined
  lossesTold: number
  failuresTold: number
  delayTold: number
  lastError: string
}

/**
 * Tells the owners of drains, in the streams of their applications, and the operator, in the log, what goes wrong: at
 * most one line a minute, a drain and a kind. Aggregate drains belong to the operator alone.
 */
export class Notices {
  /** Into the streams of applications; a reload may change it. */
  stream: AppLines | undefined
  private readonly log: Log
  private readonly clock: Clock
  private readonly troubles = new Map<DrainSpec, Trouble>()

  constructor(stream: AppLines | undefined, log: Log, clock: Clock) {
    this.stream = stream
    this.log = log
    this.clock = clock
  }

  /** A line for the application alone. */
  tell(app: string, text: string): void {
    if (app !== '') this.stream?.write(app, text)
  }

  failed(spec: DrainSpec, error: DrainError, pauseMs: number, failures: number): void {
    const trouble = this.trouble(spec)
    trouble.lastError = error.message
    if (error.step !== 'connect' && failures < firstFailures) return
    const now = this.clock.monotonic()
    if (now - trouble.failuresTold < everyMs) return
    trouble.failuresTold = now
    const { app, url } = spec
    const pause = pauseMs < 1000 ? `${pauseMs}ms` : `${pauseMs / 1000}s`
    this.log.line(`failed to write to ${url.host}:${url.port}, retrying in ${pause}, err: ${error.message}`)
    if (error.step === 'connect') {
      this.tell(app, `Failed to connect to ${url.clean}: ${error.message}`)
      this.log.line(`Failed to connect to ${url.clean}${app && ` for app ${app}`}: ${error.message}`)
    } else this.tell(app, `Failed to deliver logs to ${url.clean}: ${error.message}`)
  }

  /** A repeated request waits for others. */
  delayed(spec: DrainSpec, slots: number): void {
    const trouble = this.trouble(spec)
    const now = this.clock.monotonic()
    if (now - trouble.delayTold < everyMs) return
    trouble.delayTold = now
    const { app, url } = spec
    this.log.line(
      `All retry slots (${slots}) are in use. Log delivery for ${url.clean} for application ${app} may be delayed.`,
    )
  }

  lost(spec: DrainSpec, reason: DropReason, messages: number): void {
    const trouble = this.trouble(spec)
    if (trouble.lost.size === 0) trouble.since = this.clock.now()
    trouble.lost.set(reason, messages + (trouble.lost.get(reason) ?? 0))
    if (!trouble.lossTimer) this.tellLater(spec, trouble)
  }

  /** The drain goes on with other settings. */
  rename(before: DrainSpec, spec: DrainSpec): void {
    const trouble = this.troubles.get(before)
    if (!trouble) return
    this.troubles.delete(before)
    this.troubles.set(spec, trouble)
    if (!trouble.lossTimer) return
    trouble.lossTimer.cancel()
    this.tellLater(spec, trouble)
  }

  /** The drain is gone: what was not said is said. */
  forget(spec: DrainSpec): void {
    const trouble = this.troubles.get(spec)
    if (!trouble) return
    trouble.lossTimer?.cancel()
    this.tellLosses(spec, trouble)
    this.troubles.delete(spec)
  }

  close(): void {
    for (const spec of [...this.troubles.keys()]) this.forget(spec)
  }

  private tellLater(spec: DrainSpec, trouble: Trouble): void {
    const again = trouble.lossesTold + everyMs - this.clock.monotonic()
    trouble.lossTimer = this.clock.after(Math.max(firstLossMs, again), () => this.tellLosses(spec, trouble))
  }

  private tellLosses(spec: DrainSpec, trouble: Trouble): void {
    trouble.lossTimer = undefined
    if (trouble.lost.size === 0) return
    const { app, url } = spec
    const total = [...trouble.lost.values()].reduce((sum, n) => sum + n, 0)
    const whose = app ? `${app}'s app drain` : 'aggregate drain'
    const since = new Date(trouble.since).toISOString()
    const why = [...trouble.lost].map(([reason, n]) => (n === total ? lossWords(reason) : `${n}: ${lossWords(reason)}`))
    const last = trouble.lastError && `; last error: ${trouble.lastError}`
    this.log.line(
      `Dropped ${total} ${url.scheme} logs for ${whose} with url ${url.clean} since ${since}: ${why.join('; ')}${last}`,
    )
    this.tell(
      app,
      `${total} messages lost for application ${app} in user provided syslog drain with url ${url.clean} (host ${url.host}, since ${since}): ${why.join('; ')}${last}`,
    )
    trouble.lost = new Map()
    trouble.lastError = ''
    trouble.lossesTold = this.clock.monotonic()
  }

  private trouble(spec: DrainSpec): Trouble {
    let found = this.troubles.get(spec)
    if (!found) {
      found = {
        lost: new Map(),
        since: 0,
        lossTimer: undefined,
        lossesTold: Number.NEGATIVE_INFINITY,
        failuresTold: Number.NEGATIVE_INFINITY,
        delayTold: Number.NEGATIVE_INFINITY,
        lastError: '',
      }
      this.troubles.set(spec, found)
    }
    return found
  }
}
