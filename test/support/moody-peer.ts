import { Dropped, Retryable, type Sender, type SendResult } from '../../src/delivery/sender.ts'
import type { Batch } from '../../src/telemetry/batch.ts'
import { textsOf } from './delivery.ts'

/** What a destination does with a batch; `maybe` took it and does not say so, `lost` did not and nobody knows. */
export type Mood =
  | 'ok'
  | 'partial'
  | 'retry'
  | 'lost'
  | 'maybe'
  | 'drop'
  | 'broken'
  | 'fault'
  | 'later'
  | 'late retry'
  | 'hang'

/** A destination that does what it was told last, and remembers what reached it. */
export class MoodyPeer implements Sender {
  how: Mood = 'ok'
  readonly got: string[] = []
  /** Answers that are owed. */
  pending: (() => void)[] = []
  private readonly namesOf: (batch: Batch) => readonly string[]

  constructor(namesOf = textsOf) {
    this.namesOf = namesOf
  }

  send(batch: Batch): SendResult | Promise<SendResult> {
    const { how } = this
    const names = this.namesOf(batch)
    const accept = (n = names.length): SendResult => {
      this.got.push(...names.slice(0, n))
      return n === names.length ? { sent: n } : { sent: n, rejected: names.length - n }
    }
    const unknown = () => new Retryable('reset', { maybeDelivered: true, retryAfterMs: 3 })
    if (how === 'ok') return accept()
    if (how === 'partial') return accept(names.length >> 1)
    if (how === 'retry') throw new Retryable('busy')
    if (how === 'lost') throw unknown()
    if (how === 'drop') throw new Dropped('rejected')
    if (how === 'fault') throw new Error('a bug')
    if (how === 'broken') return Promise.reject(new Error('reset by peer'))
    if (how === 'maybe') {
      accept()
      throw unknown()
    }
    return new Promise((resolve, reject) => {
      if (how === 'later') this.pending.push(() => resolve(accept()))
      else if (how === 'late retry') this.pending.push(() => reject(new Retryable('busy')))
    })
  }

  close(): void {}
}
