/** Body of the frame that the last `readFrame` stood on. */
export const frame = { start: 0, end: 0 }

/**
 * Steps over one octet-counted frame, `LEN SP MESSAGE` (RFC 6587, 3.4.1), that was written by us: sets `frame` to the
 * extent of its message and answers the position behind it, or -1 when there is no whole frame in `[pos, end)`.
 */
export function readFrame(bytes: Uint8Array, pos: number, end: number): number {
  let length = 0
  for (let at = pos; at < end && at < pos + 10; at++) {
    const digit = bytes[at]! - 0x30
    if (digit < 0 || digit > 9) {
      if (digit !== -16 || at === pos || length > end - at - 1) return -1
      frame.start = at + 1
      frame.end = at + 1 + length
      return frame.end
    }
    length = length * 10 + digit
  }
  return -1
}
