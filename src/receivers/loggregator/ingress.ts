import type { Host, Intake } from '../../plugin.ts'
import type { Batch } from '../../telemetry/batch.ts'
import { EnvelopeGate } from '../../telemetry/envelope-gate.ts'
import { Kind, kindMask, seenKind } from '../../telemetry/envelope-scan.ts'
import type { Origin } from '../../telemetry/origin.ts'
import { mapOrigins } from '../../telemetry/origin-mapping.ts'
import { Row } from '../../telemetry/record-index.ts'
import { joinedPerTurn } from '../../telemetry/turn.ts'

export interface Ingress {
  /** One Envelope in `bytes[start, end)`, on loan. */
  envelope(bytes: Buffer, start: number, end: number, origin: Origin): void
  /** One EnvelopeBatch in `bytes[start, end)`, on loan. */
  batch(bytes: Buffer, start: number, end: number, origin: Origin): void
  /** Hands on what has not gone yet. */
  flush(): void
}

/** Everything between a gRPC message and the pipeline: the gate, joining per turn, origin mapping. */
export function newIngress(intake: Intake, host: Host, options: { logsDisabled: boolean }): Ingress {
  const mappings = host.counter('origin_mappings', 'Envelopes whose source id was taken from their origin tag.')
  const repaired = host.counter('repaired_envelopes', 'Envelopes in which invalid UTF-8 was replaced.')
  const gate = new EnvelopeGate()
  let malformed = 0
  let mended = 0
  const deliver = (arrived: Batch) => {
    const { batch, mapped } = mapOrigins(arrived)
    mappings.add(mapped)
    const kept = options.logsDisabled ? withoutLogs(batch, host) : batch
    if (kept.count > 0) void intake.offer(kept)
  }
  const turn = joinedPerTurn(gate, deliver, { readsOrigins: host.readsOrigins })
  const count = () => {
    if (gate.malformed > malformed) host.dropped('malformed', gate.malformed - malformed)
    repaired.add(gate.repaired - mended)
    malformed = gate.malformed
    mended = gate.repaired
  }
  return {
    envelope(bytes, start, end, origin) {
      turn.arm(origin)
      gate.addEnvelope(bytes, start, end, origin)
      count()
    },
    batch(bytes, start, end, origin) {
      turn.arm(origin)
      gate.addBatch(bytes, start, end, origin)
      count()
    },
    flush: () => turn.flush(),
  }
}

function withoutLogs(batch: Batch, host: Host): Batch {
  if (!(batch.seen & seenKind(Kind.log))) return batch
  const { rows } = batch.index()
  const kept = batch.where((row) => (rows[row + Row.info]! & kindMask) !== Kind.log)
  host.dropped('rule', batch.count - kept.count, batch, kept)
  return kept
}
