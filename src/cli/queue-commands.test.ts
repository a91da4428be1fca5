import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newFolder } from '../../test/support/folder.ts'
import { systemClock } from '../runtime/clock.ts'
import { silentLog } from '../runtime/log.ts'
import { openSpool } from '../storage/spool.ts'
import { dropOpenQueue } from './queue-commands.ts'

test('what a drain has on disk is emptied, but for what is under way, whatever path names it', async () => {
  const folder = newFolder()
  const link = join(newFolder(), 'link')
  symlinkSync(folder, link)
  const lost: unknown[] = []
  const onLost = (...loss: unknown[]) => void lost.push(loss)
  const bounds = { maxBytes: 0, maxAgeMs: 0, maxLossMs: 500 }
  const spool = await openSpool({ folder, clock: systemClock, log: silentLog, ...bounds, onLost })
  spool.took(spool.append(Buffer.from('a'), 2, 'logs'))
  spool.append(Buffer.from('b'), 3, 'logs')
  expect(await dropOpenQueue({ folder: link })).toEqual({ records: 3, underWay: 2 })
  await expect(dropOpenQueue({ folder, since: 1 })).rejects.toThrow('drops all that a drain has on disk, or nothing')
  expect(lost).toEqual([['removed', 3, 'an operator removed them']])
  await spool.close()
  expect(await dropOpenQueue({ folder })).toEqual({})
  expect(await dropOpenQueue({})).toEqual({})
})
