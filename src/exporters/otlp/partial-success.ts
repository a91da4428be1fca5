import { Reader, WireType } from '../../wire/protobuf.ts'

export interface PartialSuccess {
  /** Records that the peer did not take; 0 with a message is a warning. */
  rejected: number
  message: string
}

/**
 * What an Export…ServiceResponse says: `partial_success = 1 { rejected_… = 1, error_message = 2 }`, alike for all
 * signals. Bytes that do not parse say nothing: the call itself was answered with OK.
 */
export function readPartialSuccess(reply: Uint8Array): PartialSuccess {
  const found: PartialSuccess = { rejected: 0, message: '' }
  const reader = new Reader(reply)
  while (reader.next() && reader.skip()) {
    if (reader.field === 1 && reader.wire === WireType.bytes) readBody(reply, reader.start, reader.stop, found)
  }
  return found
}

function readBody(reply: Uint8Array, start: number, end: number, into: PartialSuccess): void {
  const reader = new Reader(reply, start, end)
  while (reader.next()) {
    if (reader.field === 1 && reader.wire === WireType.varint) {
      reader.varint64()
      // Negative counts are nonsense; huge ones are cut by whoever knows how many there were.
      into.rejected = reader.hi >>> 31 ? 0 : reader.hi * 2 ** 32 + reader.lo
    } else if (!reader.skip()) return
    else if (reader.field === 2 && reader.wire === WireType.bytes) {
      into.message = Buffer.from(reply.buffer, reply.byteOffset + reader.start, reader.stop - reader.start).toString()
    }
  }
}
