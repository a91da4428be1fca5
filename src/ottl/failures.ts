import type { Batch } from '../telemetry/batch.ts'
import type { LostRecords, PassBooks } from '../telemetry/pass.ts'
import type { ErrorMode, OnFailure, Result } from './program.ts'

/** What the books of failed statements need of a component. */
export interface FailureHost {
  dropped(reason: 'rule', records: number, evidence: Batch | (() => LostRecords), kept?: Batch): void
  consumed(records: number): void
  made(records: number): void
  counter(name: string, help: string): { add(n: number): void }
}

/** Tells of failures that repeat: the first at once, then how many there were. */
export interface FailureLog {
  note(key: string, message: string): void
  close(): void
}

/** The books of failed statements of one processor. */
export interface Failures {
  readonly note: OnFailure
  /** The processor that runs a program and counts the records that it gave up. */
  counted(run: (batch: Batch) => Result, held: HeldFailures): (batch: Batch) => Batch | undefined
  /** The books of a program of one pass. */
  booked(held: HeldFailures): PassBooks
  stop(): Promise<void>
}

const words: Readonly<Record<Exclude<ErrorMode, 'silent'>, string>> = {
  propagate: 'the record was dropped',
  ignore: 'the record went on without it',
}

/** Failures of a pass over a batch, told when it is certain that the pass counts. */
export interface HeldFailures {
  readonly note: OnFailure
  tell(): void
  forget(): void
}

/** More of one pass are told at once. */
const mostHeld = 1000

export function holdFailures(note: OnFailure): HeldFailures {
  let held: Parameters<OnFailure>[] = []
  const tell = () => {
    if (held.length === 0) return
    const told = held
    held = []
    for (const each of told) note(...each)
  }
  return {
    note(...each) {
      held.push(each)
      if (held.length >= mostHeld) tell()
    },
    tell,
    forget() {
      held = []
    },
  }
}

export function newFailures(host: FailureHost, log: FailureLog): Failures {
  const count = host.counter('failed_statements', 'Statements and conditions that failed on a record.')
  return {
    note(mode, statement, message) {
      count.add(1)
      // The record's values are not shown: they may be secrets.
      if (mode !== 'silent') log.note(statement, `${statement}: ${message}; ${words[mode]}`)
    },
    counted: (run, held) => (batch) => {
      try {
        const { batch: edited, failed } = run(batch)
        if (failed > 0) host.dropped('rule', failed, batch, edited)
        const more = edited.count + failed - batch.count
        if (more > 0) host.made(more)
        else if (more < 0) host.consumed(-more)
        return edited.count > 0 ? edited : undefined
      } finally {
        held.tell()
      }
    },
    booked: (held) => ({
      settle(dropped, lost) {
        held.tell()
        if (dropped > 0) host.dropped('rule', dropped, lost)
      },
      forget: held.forget,
    }),
    async stop() {
      log.close()
    },
  }
}
