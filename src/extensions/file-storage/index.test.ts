import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { newTestHost } from '../../../test/conformance/kit.ts'
import { newFolder } from '../../../test/support/folder.ts'
import { readConfiguration } from '../../cli/configuration.ts'
import type { StorageUse } from '../../delivery/queue-storage.ts'
import { newLog } from '../../runtime/log.ts'
import { type FileStorageConfig, fileStorageConfig } from './config.ts'
import { newFileStorage } from './file-storage.ts'
import spec from './index.ts'

function storage(directory: string, written: object = {}) {
  const lines: string[] = []
  const { host } = newTestHost(spec)
  const config = fileStorageConfig.parse({ directory, ...written }) as FileStorageConfig
  const made = newFileStorage(config, { ...host, log: newLog({ write: (line) => void lines.push(line) }) })
  return { made, lines }
}

const use = (more: Partial<StorageUse> = {}): StorageUse => ({
  exporter: 'otlp/eu',
  part: 'logs',
  onLost: () => {},
  ...more,
})
const payload = Buffer.from('0a00', 'hex')

describe('its settings', () => {
  test.each([
    [{}, 500, 1 << 30],
    [{ fsync: true }, 0, 1 << 30],
    [{ fsync: true, max_loss: '1s' }, 1000, 1 << 30],
    [{ max_loss: 0, max_bytes: '2MiB' }, 0, 2 << 20],
    [{ max_size: 1000 }, 500, 1000],
  ])('%j', (written, maxLossMs, maxBytes) => {
    expect(storage('/nowhere', written).made).toMatchObject({ maxLossMs, maxBytes })
  })

  test('of a Collector are taken as they are', () => {
    const compaction = { on_start: true, on_rebound: true, directory: '/tmp', max_transaction_size: 65_536 }
    const written = { timeout: '2s', create_directory: true, directory_permissions: '0700', recreate: true, compaction }
    expect(fileStorageConfig.safeParse(written).success).toBe(true)
  })
})

test.each([
  ['exporters.otlp.sending_queue.storage', 'sending_queue: {storage: file_storag}', 'did you mean "file_storage"?'],
  ['exporters.otlp.dead_letter.storage', 'dead_letter: {storage: file_storage/2}', 'did you mean "file_storage"?'],
])('a storage that is not there is found before anything starts: %s', async (path, setting, hint) => {
  const file = join(newFolder(), 'agent.yaml')
  const lines = [
    'receivers: {otlp: {protocols: {grpc: }}}',
    `exporters: {otlp: {endpoint: "localhost:1", ${setting}}}`,
    'extensions: {file_storage: }',
    'service: {extensions: [file_storage], pipelines: {logs: {receivers: [otlp], exporters: [otlp]}}}',
  ]
  writeFileSync(file, lines.join('\n'))
  const { problems } = await readConfiguration([file], [])
  expect(problems).toMatchObject([{ code: 'TR_CONFIG_REFERENCE', path, location: { line: 2 } }])
  expect(problems[0]!.hint).toContain(hint)
})

describe('its directory', () => {
  test('must be there, unless it may be made', async () => {
    const directory = join(newFolder(), 'a', 'b')
    await expect(storage(directory).made.start()).rejects.toThrow(`directory must exist: ${directory}`)
    await storage(directory, { create_directory: true, directory_permissions: '0700' }).made.start()
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    await storage(directory).made.start()
  })

  test('must be one', async () => {
    const file = join(newFolder(), 'file')
    writeFileSync(file, '')
    await expect(storage(file).made.start()).rejects.toThrow('is not a directory')
  })
})

describe('a queue', () => {
  test('has a folder named after exporter and signal, which only its owner may read', async () => {
    const directory = newFolder()
    const { made } = storage(directory)
    const spool = await made.open(use())
    const letters = await made.open(use({ deadLetters: true }))
    const { folder } = spool.status()
    expect(folder).toBe(join(directory, 'exporter_otlp_eu_logs'))
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(letters.status().folder).toBe(`${folder}.dead`)
    await spool.close()
    await letters.close()
  })

  test('that a predecessor in this process still has is opened when that is gone', async () => {
    const directory = newFolder()
    const [before, after] = [storage(directory).made, storage(directory).made]
    const first = await before.open(use())
    first.append(payload, 1, 'logs')
    expect(after.isTaken!(use())).toBe(true)
    let second: Awaited<typeof opening> | undefined
    const opening = after.open(use())
    void opening.then((spool) => {
      second = spool
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(second).toBeUndefined()
    await first.close()
    expect((await opening).recovered.records).toBe(1)
    await second!.close()
    expect(after.isTaken!(use())).toBe(false)
  })

  test('has neighbours that keep a file there', () => {
    const { made } = storage('/dir')
    expect(made.stateFile!('receiver', 'filelog/a')).toBe('/dir/receiver_filelog_a_state')
  })

  test('knows whether there is something in it before it is opened', async () => {
    const { made } = storage(newFolder())
    expect(await made.holds!(use())).toBe(false)
    const spool = await made.open(use())
    expect(await made.holds!(use())).toBe(false)
    spool.append(payload, 1, 'logs')
    await spool.close()
    expect(await made.holds!(use())).toBe(true)
  })

  test('can be listed and removed', async () => {
    const directory = newFolder()
    const { made } = storage(directory)
    const spool = await made.open(use({ part: 'a1' }))
    expect(await made.parts!('otlp/eu')).toEqual(['a1'])
    await made.remove!(use({ part: 'a1' }))
    // Not while it is open.
    expect(await made.parts!('otlp/eu')).toEqual(['a1'])
    await spool.close()
    await made.remove!(use({ part: 'a1' }))
    expect(await made.parts!('otlp/eu')).toEqual([])
  })

  test('is opened anew only when its removal is over', async () => {
    const { made } = storage(newFolder())
    const first = await made.open(use())
    first.append(payload, 1, 'logs')
    await first.close()
    const removing = made.remove!(use())
    const second = await made.open(use())
    second.append(payload, 1, 'logs')
    await removing
    await second.close()
    const third = await made.open(use())
    expect(third.recovered.records).toBe(1)
    await third.close()
  })

  test('that no exporter has any more is named, when there is something in it', async () => {
    const directory = newFolder()
    const before = storage(directory).made
    for (const part of ['logs', 'traces']) {
      const spool = await before.open(use({ part }))
      if (part === 'logs') spool.append(payload, 1, 'logs')
      await spool.close()
    }
    mkdirSync(join(directory, 'something else'))
    const { made, lines } = storage(directory)
    const other = await made.open(use({ exporter: 'otlp/us' }))
    other.append(payload, 1, 'logs')
    made.started!()
    await expect.poll(() => lines).toHaveLength(1)
    expect(lines[0]).toContain('exporter_otlp_eu_logs')
    await other.close()
  })
})
