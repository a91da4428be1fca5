import { expect, test } from 'vitest'
import { envelopes } from '../../test/support/delivery.ts'
import { silentLog } from '../runtime/log.ts'
import type { Spool } from '../storage/contract.ts'
import { DeadLetters } from './dead-letters.ts'
import type { QueueStorage } from './queue-storage.ts'

test('what was refused before the folder was free is put aside, also when the exporter has ended by then', async () => {
  const folder = Promise.withResolvers<Spool>()
  const events: string[] = []
  const spool = {
    fits: () => true,
    append: (_bytes: Buffer, count: number) => events.push(`append ${count}`),
    close: async () => void events.push('close'),
  } as unknown as Spool
  const storage = { isTaken: () => true, open: () => folder.promise } as unknown as QueueStorage
  const config = { storage: 'file_storage', max_bytes: 0, max_age: 0 }
  const letters = new DeadLetters({ config, storage: () => storage, exporter: 'otlp', part: '', log: silentLog })
  await letters.open()
  letters.put(envelopes(['a', 'b']), 2, 'rejected', 'no')
  await letters.close()
  folder.resolve(spool)
  await expect.poll(() => events).toEqual(['append 2', 'close'])
  expect([letters.records, letters.failed]).toEqual([2, 0])
})
