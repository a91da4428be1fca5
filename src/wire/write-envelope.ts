import { BackwardWriter, splitBigInt, WireType } from './protobuf.ts'

/** The common part of an envelope. */
export interface EnvelopeHead {
  /** Nanoseconds since 1970. */
  timestamp: bigint
  sourceId: string
  instanceId?: string
  tags?: Readonly<Record<string, string>>
}

/** What an envelope says. Counters carry a delta or, from whoever keeps count, a total. */
export type EnvelopeMessage =
  | { log: { payload: string; stderr?: boolean } }
  | { counter: { name: string; delta?: bigint; total?: bigint } }
  | { gauge: Readonly<Record<string, { unit: string; value: number }>> }
  | { timer: { name: string; start: bigint; stop: bigint } }
  | { event: { title: string; body: string } }

/**
 * Envelopes made by hand, one by one: for samples and single sends (loggregator-api, v2/envelope.proto). Answers an
 * EnvelopeBatch. What moves records in bulk writes them from bytes to bytes elsewhere.
 */
export function writeEnvelopes(envelopes: readonly { head: EnvelopeHead; message: EnvelopeMessage }[]): Buffer {
  const out = new BackwardWriter(256 * envelopes.length)
  for (const { head, message } of envelopes.toReversed()) {
    const mark = out.length
    for (const [key, value] of Object.entries(head.tags ?? {}).toReversed()) tag(out, key, value)
    write(out, message)
    if (head.instanceId) out.textField(8, head.instanceId)
    out.textField(2, head.sourceId)
    integer(out, 1, head.timestamp)
    out.message(1, mark)
  }
  return out.finish()
}

function write(out: BackwardWriter, message: EnvelopeMessage): void {
  const mark = out.length
  if ('log' in message) {
    if (message.log.stderr) integer(out, 2, 1n)
    out.textField(1, message.log.payload)
    out.message(4, mark)
  } else if ('counter' in message) {
    integer(out, 3, message.counter.total ?? 0n)
    integer(out, 2, message.counter.delta ?? 0n)
    out.textField(1, message.counter.name)
    out.message(5, mark)
  } else if ('gauge' in message) {
    for (const [name, { unit, value }] of Object.entries(message.gauge).toReversed()) metric(out, name, unit, value)
    out.message(6, mark)
  } else if ('timer' in message) {
    integer(out, 3, message.timer.stop)
    integer(out, 2, message.timer.start)
    out.textField(1, message.timer.name)
    out.message(7, mark)
  } else {
    out.textField(2, message.event.body)
    out.textField(1, message.event.title)
    out.message(10, mark)
  }
}

function tag(out: BackwardWriter, key: string, value: string): void {
  const mark = out.length
  out.textField(2, value)
  out.textField(1, key)
  out.message(9, mark)
}

function metric(out: BackwardWriter, name: string, unit: string, value: number): void {
  const entry = out.length
  out.double(value)
  out.tag(2, WireType.fixed64)
  out.textField(1, unit)
  out.message(2, entry)
  out.textField(1, name)
  out.message(1, entry)
}

function integer(out: BackwardWriter, field: number, value: bigint): void {
  if (value === 0n) return
  const [lo, hi] = splitBigInt(value)
  out.varint64(lo, hi)
  out.tag(field, WireType.varint)
}
