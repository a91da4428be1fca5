import { isVisible } from '../sanitize.ts'

const maxHost = 255

/** How a drain wants its messages. Drains with equal forms get equal messages, rendered once. */
export interface FrameForm {
  /** HOSTNAME of envelopes whose tags name no organization, space or app; empty for `-`. */
  readonly hostname: string
  /** Whether the tags are written. */
  readonly metadata: boolean
  /** `hostname` as it is written: 255 bytes at most. */
  readonly host: Buffer
  /** Whether `host` may stand in a message. */
  readonly isValid: boolean
}

/** A form for `hostname` as it stands in a binding: it is not cleaned, so what is no visible ASCII makes it unencodable. */
export function newFrameForm(options: { hostname: string; metadata: boolean }): FrameForm {
  const host = Buffer.from(options.hostname || '-').subarray(0, maxHost)
  return { ...options, host, isValid: host.every(isVisible) }
}
