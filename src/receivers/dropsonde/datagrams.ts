import { canReadBursts } from '../../net/udp-bursts.ts'
import type { Host, Intake } from '../../plugin.ts'
import { heldBack, newLogGap } from '../../runtime/log-gap.ts'
import { DropsondeGate } from '../../telemetry/dropsonde-gate.ts'
import { datagramGatherMs, joinedPerTurn } from '../../telemetry/turn.ts'
import { noV1Defaults, writeMissingV1 } from '../../wire/convert/v1-edit.ts'
import { V1Verdict, v1Reason } from '../../wire/convert/v1-validate.ts'
import type { V1View } from '../../wire/convert/v1-view.ts'
import type { BackwardWriter } from '../../wire/protobuf.ts'

/** Lines about malformed datagrams come at most this often. */
const LOG_GAP_MS = 10_000

/** Puts the origin into the tag `source_id` where that is missing or empty; what came in stays byte for byte. */
const withSourceId = (v1: V1View, out: BackwardWriter) => writeMissingV1(v1, noV1Defaults, out)

/** What takes datagrams, one v1 envelope each, and offers those of one turn as one batch. */
export interface Datagrams {
  take(packet: Buffer): void
  /** Offers what this turn has brought so far, now. */
  flush(): void
}

export function newDatagrams(intake: Intake, host: Host): Datagrams {
  const { log } = host
  const gate = new DropsondeGate()
  const gatherMs = canReadBursts() ? 0 : datagramGatherMs
  const turn = joinedPerTurn(gate, (batch) => void intake.offer(batch), { gatherMs })
  const gap = newLogGap(host.clock, LOG_GAP_MS)
  return {
    take(packet) {
      const malformedBefore = gate.malformed
      turn.arm()
      const verdict = gate.add(packet, undefined, withSourceId)
      if (gate.malformed === malformedBefore) return
      host.dropped('malformed', 1, packet)
      const held = gap.pass()
      if (held >= 0) log.line(`Error unmarshalling: eventUnmarshaller: ${reasonText(verdict)}${heldBack(held)}`)
    },
    flush: () => turn.flush(),
  }
}

/** The two lines of the original in one: an envelope that parses and lacks its payload fails the validation. */
const reasonText = (verdict: V1Verdict) =>
  verdict === V1Verdict.invalid ? v1Reason(verdict) : `unmarshal error ${v1Reason(verdict)}`
