/** DER (ITU-T X.690), the few types that a certificate needs. Each function returns one encoded value. */

/** Any type by its tag byte. */
export function bytes(tag: number, content: Uint8Array): Buffer {
  const { length } = content
  const head =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff]
  if (length > 0xffff) throw new Error(`a value of ${length} bytes is too long for a certificate`)
  return Buffer.concat([Buffer.from(head), content])
}

export const sequence = (...values: Uint8Array[]): Buffer => bytes(0x30, Buffer.concat(values))
export const set = (...values: Uint8Array[]): Buffer => bytes(0x31, Buffer.concat(values))
/** An explicitly tagged value, `[number] EXPLICIT`. */
export const context = (number: number, value: Uint8Array): Buffer => bytes(0xa0 | number, value)
/** A positive integer in as few bytes as it takes, the first below 0x80. */
export const integer = (value: Uint8Array): Buffer => bytes(0x02, value)
export const bool = (value: boolean): Buffer => bytes(0x01, Buffer.from([value ? 0xff : 0]))
export const octets = (value: Uint8Array): Buffer => bytes(0x04, value)
export const utf8 = (value: string): Buffer => bytes(0x0c, Buffer.from(value))
export const nul: Buffer = bytes(0x05, Buffer.alloc(0))
/** A bit string whose last byte has `unused` bits at its low end. */
export const bits = (value: Uint8Array, unused: number): Buffer =>
  bytes(0x03, Buffer.concat([Buffer.from([unused]), value]))

/** `1.2.840.113549` */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const content = [first * 40 + second]
  for (let part of rest) {
    const septets = [part & 0x7f]
    for (part = Math.floor(part / 128); part > 0; part = Math.floor(part / 128)) septets.unshift((part & 0x7f) | 0x80)
    content.push(...septets)
  }
  return bytes(0x06, Buffer.from(content))
}

/** UTCTime through 2049, GeneralizedTime from 2050 on (RFC 5280, section 4.1.2.5). */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, '')
  return date.getUTCFullYear() < 2050
    ? bytes(0x17, Buffer.from(digits.slice(2), 'latin1'))
    : bytes(0x18, Buffer.from(digits, 'latin1'))
}
