/** Numbers kept per item of structured data, in this order. An element is followed by its parameters. */
export const Item = {
  /** SD-ID of an element, PARAM-NAME of a parameter. */
  nameStart: 0,
  nameEnd: 1,
  /** Between the quotes; -1 for an element. */
  valueStart: 2,
  valueEnd: 3,
  /** Backslashes to leave out of the value; free for the use of writers on elements. */
  extra: 4,
} as const
export const itemSize = 5

/** Why text is no syslog message; index into `faultTexts`. */
export const Fault = {
  none: 0,
  priority: 1,
  version: 2,
  timestamp: 3,
  hostname: 4,
  appName: 5,
  procId: 6,
  msgId: 7,
  structuredData: 8,
  message: 9,
} as const
export type Fault = (typeof Fault)[keyof typeof Fault]

/** What to tell people, by `Fault`. */
export const faultTexts: readonly string[] = [
  '',
  'expecting a priority <0> to <191>',
  'expecting a version 1 to 999 and a space',
  'expecting a RFC 3339 timestamp with at most six fractional digits, or -',
  'expecting a hostname of 1 to 255 printable ASCII characters, or -',
  'expecting an app name of 1 to 48 printable ASCII characters, or -',
  'expecting a process id of 1 to 128 printable ASCII characters, or -',
  'expecting a message id of 1 to 32 printable ASCII characters, or -',
  'expecting structured data [id name="value"], or -',
  'expecting a space before the message',
]

/**
 * The parts of one message as spans of the bytes it was read from; absent parts are empty. One object is reused for all
 * messages of a reader.
 */
export class SyslogMessage {
  /** Facility * 8 + severity; -1 when there is none. */
  priority = -1
  /** 0 for RFC 3164. */
  version = 0
  hasTime = false
  /** Seconds since 1970 (may be negative) and the nanoseconds on top. */
  seconds = 0
  nanos = 0
  hostStart = 0
  hostEnd = 0
  appStart = 0
  appEnd = 0
  procStart = 0
  procEnd = 0
  msgIdStart = 0
  msgIdEnd = 0
  textStart = 0
  textEnd = 0
  /** Extent of the structured data; empty when there is none. */
  dataStart = 0
  dataEnd = 0
  /** The whole message. */
  start = 0
  end = 0
  /** Structured data: `Item` numbers. */
  items: Int32Array = new Int32Array(32 * itemSize)
  itemCount = 0

  reset(start: number, end: number): void {
    this.priority = -1
    this.version = 0
    this.hasTime = false
    this.seconds = this.nanos = 0
    this.hostStart = this.hostEnd = this.appStart = this.appEnd = start
    this.procStart = this.procEnd = this.msgIdStart = this.msgIdEnd = start
    this.textStart = this.textEnd = end
    this.dataStart = this.dataEnd = start
    this.start = start
    this.end = end
    this.itemCount = 0
  }

  addItem(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number, extra: number): void {
    let { items } = this
    const at = this.itemCount * itemSize
    if (at + itemSize > items.length) {
      items = new Int32Array(items.length * 2)
      items.set(this.items)
      this.items = items
    }
    items[at] = nameStart
    items[at + 1] = nameEnd
    items[at + 2] = valueStart
    items[at + 3] = valueEnd
    items[at + 4] = extra
    this.itemCount++
  }

  /** Gives back what an unusual message needed. */
  shrink(): void {
    if (this.items.length > mostKept) this.items = new Int32Array(32 * itemSize)
  }
}

const mostKept = 4096 * itemSize

/** Reads `<PRI>` at `start`: answers the position behind it, or -1. Sets `message.priority`. */
export function readPriority(b: Uint8Array, start: number, end: number, message: SyslogMessage): number {
  if (start + 2 >= end || b[start] !== 0x3c) return -1
  let pos = start + 1
  let value = 0
  for (; pos < end && pos < start + 5; pos++) {
    const digit = b[pos]! - 0x30
    if (digit < 0 || digit > 9) break
    value = value * 10 + digit
  }
  if (pos === start + 1 || pos >= end || b[pos] !== 0x3e || value > 191) return -1
  message.priority = value
  return pos + 1
}
