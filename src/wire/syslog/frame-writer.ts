import type { FrameSink } from './frame-sink.ts'

/** How a drain wants its messages. Drains with equal forms get equal messages: make one form for all of them. */
export interface FrameForm {
  /** HOSTNAME of envelopes whose tags name no organization, space or app; empty for `-`. */
  readonly hostname: string
  /** Whether the tags are written. */
  readonly metadata: boolean
}

/**
 * loggregator.v2 envelopes to octet-counted RFC 5424 messages. One writer serves all drains of a process: `look` once per
 * envelope, then `write` once per drain that wants it.
 */
export interface FrameWriter {
  /** Reads the envelope `bytes[start, end)`; answers its kind (Kind of telemetry/envelope-scan.ts), -1 when malformed. */
  look(bytes: Uint8Array, start: number, end: number): number
  /** Tag `source_type` of the envelope up to its first `/`, in upper case; empty when there is none. Made once per tag set. */
  logType(): string
  /**
   * Appends the messages of the envelope to `out`, each `LEN SP MESSAGE` with its final newline counted; cut them with
   * `readFrame`. Answers how many (0: no message, or a gauge without metrics), or -1 when it cannot be encoded: then
   * nothing was written and `fault` says why. A second drain with the same form costs a copy.
   */
  write(form: FrameForm, out: FrameSink): number
  /** Property that made the last `write` answer -1: `Hostname`, `AppName`, `ProcessID`, `StructuredData/Name` ... */
  readonly fault: string
}
