import type { Batch } from '../telemetry/batch.ts'
import type { ErrorMode, OnFailure, Result } from './program.ts'

/** What the books of failed statements need of a component. */
export interface FailureHost {
  dropped(reason: 'rule', records: number, batch: Batch, kept: Batch): void
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
  counted(run: (batch: Batch) => Result): (batch: Batch) => Batch | undefined
  stop(): Promise<void>
}

const words: Readonly<Record<Exclude<ErrorMode, 'silent'>, string>> = {
  propagate: 'the record was dropped',
  ignore: 'the record went on without it',
}

export function newFailures(host: FailureHost, log: FailureLog): Failures {
  const count = host.counter('failed_statements', 'Statements and conditions that failed on a record.')
  return {
    note(mode, statement, message) {
      count.add(1)
      // The record's values are not shown: they may be secrets.
      if (mode !== 'silent') log.note(statement, `${statement}: ${message}; ${words[mode]}`)
    },
    counted: (run) => (batch) => {
      const { batch: edited, failed } = run(batch)
      if (failed > 0) host.dropped('rule', failed, batch, edited)
      return edited.count > 0 ? edited : undefined
    },
    async stop() {
      log.close()
    },
  }
}
