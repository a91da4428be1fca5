import type { Log } from '../../plugin.ts'

/** What is printed on: process.stdout, or any stream in a test. */
export interface TextStream {
  write(text: string): boolean
  on(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
  readonly writableNeedDrain: boolean
  readonly isTTY?: boolean
  /** Gives back what was opened for it. */
  release?(): void
}

/** A text stream that may break or stall without harm to the process. */
export interface Output {
  /** `broken`: nobody reads any more. `behind`: what was printed has not been read yet. */
  readonly state: 'open' | 'behind' | 'broken'
  print(text: string): void
  close(): void
}

export function newOutput(stream: TextStream, log: Log): Output {
  let broken = false
  // A pipe whose reader has gone would end the process otherwise. The listener stays: the error may come late.
  const failed = (error: Error) => {
    if (!broken) log.warn('nobody reads the output any more: nothing is printed from now on', { reason: error.message })
    broken = true
  }
  stream.on('error', failed)
  return {
    get state() {
      if (broken) return 'broken'
      return stream.writableNeedDrain ? 'behind' : 'open'
    },
    print(text) {
      if (!broken) stream.write(text)
    },
    close() {
      if (!broken) setImmediate(() => stream.off('error', failed))
      stream.release?.()
    },
  }
}
