/**
 * Protobuf wire primitives: a reader over borrowed bytes and a writer that fills a buffer from its end.
 *
 * Numbers of 64 bits travel as two unsigned 32-bit halves (`lo`, `hi`): BigInt costs ten times as much per field.
 * Nothing here throws on bad input: a reader that meets malformed bytes sets `ok` to false and stands at its end.
 */

export { BackwardWriter } from './backward-writer.ts'
export * from './halves.ts'
export { Reader } from './protobuf-reader.ts'
export * from './varint.ts'
export { WireType } from './wire-type.ts'
