import { frameMessage } from '../net/frames.ts'
import { writeEnvelopes } from '../wire/write-envelope.ts'

/** A line of the platform in the log of an application. */
export interface AppLine {
  readonly app: string
  readonly text: string
  /** Nanoseconds since 1970. */
  readonly at: bigint
}

/** The method of an agent that takes them (loggregator-api, v2/ingress.proto). */
export const appLinesPath = '/loggregator.v2.Ingress/BatchSender'

/** One message of that stream. The lines look as the platform's own: source type LGR, instance 0, on stderr. */
export const appLinesMessage = (lines: readonly AppLine[]): Buffer =>
  frameMessage(
    writeEnvelopes(
      lines.map(({ app, text, at }) => ({
        head: { timestamp: at, sourceId: app, instanceId: '0', tags: { source_type: 'LGR' } },
        message: { log: { payload: text, stderr: true } },
      })),
    ),
  )
