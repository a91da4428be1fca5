import type { Mark } from '../settlement.ts'
import type { Tail } from '../tail.ts'
import { type Entry, type EntryMap, type EntryValue, OperatorFault } from './entry.ts'
import { type EntryField, getField, setField } from './entry-field.ts'
import type { EntryCondition } from './expression.ts'
import { readSeverity, type SeverityOptions } from './severity.ts'
import { readTimestamp, type TimestampOptions } from './timestamp.ts'
import { readTrace, type TraceOptions } from './trace.ts'

/** What becomes of an entry that an operator failed on. */
export type OnError = 'send' | 'send_quiet' | 'drop' | 'drop_quiet'

/** Where entries go from an operator: places in the list of operators; behind the last one they are records. */
export type Outputs = readonly number[]

/** One step. */
export interface Operator {
  readonly type: string
  readonly id: string
  readonly onError: OnError
  readonly condition: EntryCondition | undefined
  readonly outputs: Outputs
  /** True: the entry goes on to `outputs`, or to those that it answers. False: it is left out. Throws OperatorFault. */
  run(entry: Entry): boolean | Outputs
  /** Where entries wait for others behind `run`. */
  readonly holder?: Holder
}

/** Where an entry comes from. */
export interface Place {
  /** The file of its first line. */
  readonly tail: Tail
  /** Adds, by file, where the first of its lines begins, unless an earlier place is known. To be asked while it goes on. */
  addTo(marks: Map<Tail, Mark>): void
}

/** An entry that goes on, and where all that was joined to it comes from. */
export interface Held {
  readonly entry: Entry
  readonly place: Place
}

/** Keeps entries until those that belong to them have come. */
export interface Holder {
  /** What the entries take that wait. */
  readonly bytes: number
  /** Adds, by file, where the first entry begins that waits. */
  addTo(marks: Map<Tail, Mark>): void
  /** Takes an entry; answers those that are complete now. Throws OperatorFault. */
  take(entry: Entry, place: Place): readonly Held[]
  /** Those that have waited too long or whose file is over, or all. */
  release(all: boolean): readonly Held[]
}

/** What all parsers have in common. */
export interface ParserOptions {
  readonly from: EntryField
  readonly to: EntryField
  /** What becomes the body afterwards. */
  readonly body: EntryField | undefined
  readonly timestamp: TimestampOptions | undefined
  readonly severity: SeverityOptions | undefined
  readonly trace: TraceOptions | undefined
}

/** Parses a field and sets what `parse` makes of it, then time, severity and trace; all of these are tried. */
export function parser(options: ParserOptions, parse: (value: EntryValue, entry: Entry) => EntryMap): Operator['run'] {
  const { from, to, body, timestamp, severity, trace } = options
  return (entry) => {
    const value = getField(entry, from)
    if (value === undefined) throw new OperatorFault(`the entry has no ${from.text}`)
    setField(entry, to, parse(value, entry))
    const newBody = body && getField(entry, body)
    if (newBody !== undefined) entry.body = newBody
    const faults = [
      timestamp && faultOf(() => readTimestamp(timestamp, entry)),
      severity && faultOf(() => readSeverity(severity, entry)),
      trace && faultOf(() => readTrace(trace, entry)),
    ]
    for (const fault of faults) if (fault) throw fault
    return true
  }
}

function faultOf(read: () => void): unknown {
  try {
    read()
    return undefined
  } catch (error) {
    return error
  }
}
