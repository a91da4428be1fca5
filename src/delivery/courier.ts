import type { Clock } from '../runtime/clock.ts'
import type { Account } from './ledger.ts'
import { Retryable, type SendResult } from './sender.ts'
import type { Shipment } from './shipment.ts'
import type { Attempts } from './traced.ts'

export interface CourierOptions {
  readonly sender: Attempts
  readonly account: Account
  readonly clock: Clock
  /** For each attempt; 0: none. */
  readonly timeoutMs: number
  /** Exactly one of these is called for each attempt that nobody gives up. */
  readonly delivered: (shipment: Shipment, result: SendResult) => void
  readonly failed: (shipment: Shipment, error: unknown) => void
}

/** Makes single attempts: hands a batch to the sender and waits for its answer, or for the timeout. */
export class Courier {
  private readonly options: CourierOptions
  /** Not aborted, and nobody listens to it. */
  private spare = new AbortController()

  constructor(options: CourierOptions) {
    this.options = options
  }

  attempt(shipment: Shipment): void {
    const { sender, account, delivered, failed } = this.options
    const { batch } = shipment
    const number = ++shipment.attempt
    account.attempts += batch.count
    if (shipment.uncertain) account.maybe_duplicate += batch.count
    const controller = this.spare
    let result: SendResult | Promise<SendResult>
    try {
      result = sender.send(batch, controller.signal, number)
    } catch (error) {
      failed(shipment, error)
      return
    }
    if (result instanceof Promise) this.follow(shipment, number, controller, result)
    else delivered(shipment, result)
  }

  private follow(shipment: Shipment, number: number, controller: AbortController, result: Promise<SendResult>): void {
    // Whoever waits may listen to the signal, so it is this attempt's alone.
    this.spare = new AbortController()
    shipment.abort = controller
    const { clock, timeoutMs, delivered, failed } = this.options
    if (timeoutMs > 0) shipment.timer = clock.after(timeoutMs, () => this.timedOut(shipment, number))
    const current = () => shipment.attempt === number && !shipment.over && !shipment.paused
    result.then(
      (answer) => void (current() && delivered(shipment, answer)),
      (error) => void (current() && failed(shipment, error)),
    )
  }

  private timedOut(shipment: Shipment, number: number): void {
    if (shipment.attempt !== number || shipment.over) return
    const { timeoutMs, failed } = this.options
    const error = new Retryable(`no answer within ${timeoutMs} ms`, { maybeDelivered: true })
    shipment.abort?.abort(error)
    failed(shipment, error)
  }
}
