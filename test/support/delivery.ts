import { object } from '../../src/config/fields.ts'
import { Budget } from '../../src/delivery/budget.ts'
import { type DeliveryConfig, type DeliveryDefaults, deliveryFields } from '../../src/delivery/fields.ts'
import { Account } from '../../src/delivery/ledger.ts'
import type { DeliveryHost } from '../../src/delivery/queued.ts'
import { ManualClock } from '../../src/runtime/clock.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { Batch, type BatchOptions } from '../../src/telemetry/batch.ts'

const field = (number: number, body: Uint8Array): Buffer => {
  const length: number[] = []
  let left = body.length
  for (; left > 127; left >>>= 7) length.push((left & 127) | 128)
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length, left]), body])
}

/** One log envelope per text, from `sourceId`. */
export function envelopes(texts: readonly string[], sourceId = 'app', options: BatchOptions = {}): Batch {
  const frames = texts.map((text) =>
    field(1, Buffer.concat([field(2, Buffer.from(sourceId)), field(4, field(1, Buffer.from(text)))])),
  )
  return Batch.copyOf('envelopes', Buffer.concat(frames), options)
}

/** One resource with one scope and one log record per text. */
export function otlpLogs(texts: readonly string[], options: BatchOptions = {}): Batch {
  const records = texts.map((text) => field(2, field(5, field(1, Buffer.from(text)))))
  const resource = field(1, field(1, field(1, Buffer.from('service.name'))))
  return Batch.copyOf('logs', field(1, Buffer.concat([resource, field(2, Buffer.concat(records))])), options)
}

/** The texts in a batch of `envelopes` or `otlpLogs`, in order. */
export function textsOf(batch: Batch): string[] {
  const { rows } = batch.index()
  const texts: string[] = []
  for (let i = 0; i < batch.count; i++) {
    const row = batch.rowAt(i)
    let body = batch.buffer.subarray(rows[row + 1]!, rows[row + 2]!)
    // The text is the last field of the last field, all the way down.
    for (const number of batch.format === 'envelopes' ? [4, 1] : [5, 1]) body = lastField(body, number)
    texts.push(body.toString())
  }
  return texts
}

function lastField(body: Buffer, wanted: number): Buffer {
  let pos = 0
  let found = body.subarray(0, 0)
  while (pos < body.length) {
    const number = body[pos++]! >> 3
    let length = 0
    for (let shift = 0; ; shift += 7) {
      const byte = body[pos++]!
      length |= (byte & 127) << shift
      if (byte < 128) break
    }
    if (number === wanted) found = body.subarray(pos, pos + length)
    pos += length
  }
  return found
}

export interface TestHost extends DeliveryHost {
  readonly clock: ManualClock
  readonly only: Account
}

/** A host with one account, a clock that stands still and a budget of `memory` bytes. */
export function deliveryHost(memory?: number, readsOrigins = false): TestHost {
  const only = new Account('queue', 'test', {})
  const budget = new Budget('service', memory)
  return { id: 'test', log: silentLog, clock: new ManualClock(), budget, readsOrigins, account: () => only, only }
}

/** The delivery settings of an exporter with these defaults when its file says `written`. */
export function deliveryConfig(written: Record<string, unknown> = {}, defaults: DeliveryDefaults = {}): DeliveryConfig {
  return object(deliveryFields(defaults)).parse(written) as DeliveryConfig
}
