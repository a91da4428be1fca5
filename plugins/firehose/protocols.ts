import { type Batch, Row } from 'tailrace/plugin'

/** Messages ready for a stream. */
export interface Framed {
  readonly bytes: Buffer
  /** How many messages these are. */
  readonly writes: number
  /** What counts for the mean size of an envelope. */
  readonly payloadBytes: number
}

/** How dopplers are spoken to. */
export interface Protocol {
  readonly name: 'v1' | 'v2'
  readonly path: string
  frame(batch: Batch): Framed
}

/** One EnvelopeBatch a batch (loggregator-api, v2/ingress.proto). */
export const v2: Protocol = {
  name: 'v2',
  path: '/loggregator.v2.Ingress/BatchSender',
  frame: (batch) => ({ bytes: batch.grpcMessage(), writes: 1, payloadBytes: batch.size }),
}

/** One EnvelopeData a v1 envelope, all of a batch in one write (loggregator-release, plumbing/doppler.proto). */
export const v1: Protocol = {
  name: 'v1',
  path: '/plumbing.DopplerIngestor/Pusher',
  frame: envelopeData,
}

const prefixBytes = 5

/** A record with its tag and length, `payload = 1`, is an EnvelopeData: only the gRPC prefixes are new. */
function envelopeData(batch: Batch): Framed {
  const { rows } = batch.index()
  const { buffer, count } = batch
  let size = 0
  for (let i = 0; i < count; i++) {
    const row = batch.rowAt(i)
    size += prefixBytes + rows[row + Row.end]! - rows[row + Row.frame]!
  }
  const bytes = Buffer.allocUnsafeSlow(size)
  let pos = 0
  let payloadBytes = 0
  for (let i = 0; i < count; i++) {
    const row = batch.rowAt(i)
    const start = rows[row + Row.frame]!
    const end = rows[row + Row.end]!
    bytes[pos] = 0
    bytes.writeUInt32BE(end - start, pos + 1)
    pos += prefixBytes
    pos += buffer.copy(bytes, pos, start, end)
    payloadBytes += end - rows[row + Row.start]!
  }
  return { bytes, writes: count, payloadBytes }
}
