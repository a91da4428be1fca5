import { expect, test } from 'vitest'
import { envelopes } from '../../test/support/delivery.ts'
import { ManualClock } from '../runtime/clock.ts'
import { silentLog } from '../runtime/log.ts'
import type { Spool } from '../storage/contract.ts'
import type { Batch } from '../telemetry/batch.ts'
import { DeadLetters } from './dead-letters.ts'
import { Ledger } from './ledger.ts'
import { ledgerFamilies } from './ledger-families.ts'
import type { QueueStorage } from './queue-storage.ts'

const newLetters = (storage: QueueStorage, again: (batch: Batch) => Promise<void> = async () => {}) =>
  new DeadLetters({
    config: { storage: 'file_storage', max_bytes: 0, max_age: 0 },
    storage: () => storage,
    exporter: 'otlp',
    part: '',
    log: silentLog,
    clock: new ManualClock(),
    again,
  })

test('what was refused before the folder was free is put aside, also when the exporter has ended by then', async () => {
  const folder = Promise.withResolvers<Spool>()
  const events: string[] = []
  const spool = {
    fits: () => true,
    append: (_bytes: Buffer, count: number) => events.push(`append ${count}`),
    close: async () => void events.push('close'),
  } as unknown as Spool
  const storage = { isTaken: () => true, open: () => folder.promise } as unknown as QueueStorage
  const letters = newLetters(storage)
  await letters.open()
  letters.put(envelopes(['a', 'b']), 2, 'rejected', 'no')
  await letters.close()
  folder.resolve(spool)
  await expect.poll(() => events).toEqual(['append 2', 'close'])
  expect([letters.records, letters.failed]).toEqual([2, 0])
})

test('what comes before a folder that never opens is counted as not kept, and so is what comes later', async () => {
  const folder = Promise.withResolvers<Spool>()
  const storage = { isTaken: () => true, open: () => folder.promise } as unknown as QueueStorage
  const letters = newLetters(storage)
  await letters.open()
  letters.put(envelopes(['a', 'b']), 2, 'rejected', 'no')
  expect(letters.failed).toBe(0)
  folder.reject(new Error('the disk is full'))
  await expect.poll(() => letters.failed).toBe(2)
  letters.put(envelopes(['c']), 1, 'rejected', 'no')
  expect([letters.records, letters.failed]).toEqual([0, 3])
})

test('what was not kept is a metric', () => {
  const ledger = new Ledger()
  const disk = { records: 0, bytes: 0, trouble: undefined, deadLetters: 2, deadLettersFailed: 3 }
  ledger.open('queue', 'otlp').disk = () => disk
  const family = ledgerFamilies(ledger).find(({ name }) => name === 'tailrace_dead_letter_failed_records_total')
  expect(family?.series).toMatchObject([{ value: 3 }])
})
