import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { decodeOtlpLogs } from '../../../test/support/decode.ts'
import { otlpLogs, textsOf } from '../../../test/support/delivery.ts'
import { newFolder } from '../../../test/support/folder.ts'
import { Budget } from '../../delivery/budget.ts'
import { Ledger } from '../../delivery/ledger.ts'
import { newHost } from '../../engine/host.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { Metrics } from '../../runtime/metrics.ts'
import { Batch } from '../../telemetry/batch.ts'
import { Receipt } from '../../telemetry/receipt.ts'
import { backupPath, outdatedBackups } from './backups.ts'
import { type Disk, type OpenFile, systemDisk } from './disk.ts'
import { newFileExporter } from './file-exporter.ts'
import file from './index.ts'

const never = () => new AbortController().signal
const newPath = () => `${newFolder()}/data.json`

/** An exporter in front of `path`; every batch is sent by itself. */
function writing(path: string, written: Record<string, unknown> = {}, disk: Disk = systemDisk) {
  const clock = new ManualClock(Date.UTC(2026, 10, 21, 5, 2, 14, 173))
  const ledger = new Ledger()
  const shared = { log: silentLog, clock, metrics: new Metrics(), ledger, budget: new Budget('service') }
  const extension = () => undefined
  const host = newHost(shared, { kind: 'exporter', type: 'file', id: 'file', readsOrigins: false, extension })
  const retry_on_failure = { initial_interval: '1s', max_interval: '1s', randomization_factor: 0, max_elapsed_time: 0 }
  const config = file.config.parse({ path, linger: 0, retry_on_failure, ...written })
  const exporter = newFileExporter(config, host, disk)
  const account = ledger.accounts[0]!
  return {
    clock,
    account,
    exporter,
    /** Resolves when the batch has been settled. */
    put: (text: string) =>
      new Promise((resolve) => exporter.consume(otlpLogs([text], { receipts: [new Receipt(resolve)] }))),
    stop: () => exporter.stop(never()),
  }
}

const bodiesOf = (path: string) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line).resourceLogs[0].scopeLogs[0].logRecords[0].body.stringValue)

/** What stands in a file of requests behind their lengths. */
function frames(path: string): Buffer[] {
  const found: Buffer[] = []
  const bytes = readFileSync(path)
  for (let pos = 0; pos < bytes.length; pos += 4 + bytes.readUInt32BE(pos)) {
    found.push(bytes.subarray(pos + 4, pos + 4 + bytes.readUInt32BE(pos)))
  }
  return found
}

/** A disk whose writes fail with `code` once `fill` left so many bytes, until `mend`. */
function failingDisk(code: string) {
  let room = Number.POSITIVE_INFINITY
  const fail = () => Object.assign(new Error(`${code}: no`), { code })
  const wrapped = (inner: OpenFile): OpenFile => ({
    ...inner,
    async write(parts) {
      const all = Buffer.concat(parts)
      if (all.length <= room) {
        room -= all.length
        return inner.write(parts)
      }
      await inner.write([all.subarray(0, room)])
      room = 0
      throw fail()
    },
  })
  return {
    disk: { ...systemDisk, open: async (path: string, fresh: boolean) => wrapped(await systemDisk.open(path, fresh)) },
    fill: (left: number) => (room = left),
    mend: () => (room = Number.POSITIVE_INFINITY),
  }
}

test('writes a line of OTLP JSON for each request', async () => {
  const path = newPath()
  const { exporter, put, stop, account } = writing(path)
  await exporter.start()
  expect(await put('one')).toBe('delivered')
  await put('two')
  expect(bodiesOf(path)).toEqual(['one', 'two'])
  expect(statSync(path).mode & 0o777).toBe(0o600)
  await stop()
  expect(account.sent).toBe(2)
})

test('writes protobuf behind its length, and compressed requests so in both formats', async () => {
  for (const [format, compression] of [
    ['proto', 'none'],
    ['proto', 'zstd'],
    ['json', 'zstd'],
  ] as const) {
    const path = newPath()
    const { exporter, put, stop } = writing(path, { format, compression })
    await exporter.start()
    await put('one')
    await put('two')
    await stop()
    const bodies = frames(path).map((frame) => {
      const bytes = compression === 'zstd' ? zstdDecompressSync(frame) : frame
      return format === 'json' ? JSON.parse(String(bytes)) : decodeOtlpLogs(bytes)
    })
    const texts = bodies.map((body) => body.resourceLogs[0].scopeLogs[0].logRecords[0].body.stringValue)
    expect(texts).toEqual(['one', 'two'])
  }
})

test('a file that is there is begun anew, and kept with append', async () => {
  const path = newPath()
  for (const [append, expected] of [
    [false, ['a']],
    [true, ['a', 'b']],
    [false, ['c']],
  ] as const) {
    const { exporter, put, stop } = writing(path, { append })
    await exporter.start()
    await put(expected.at(-1)!)
    await stop()
    expect(bodiesOf(path)).toEqual(expected)
  }
})

test('the torn end of a line stays by itself', async () => {
  const path = newPath()
  writeFileSync(path, '{"torn')
  const { exporter, put, stop } = writing(path, { append: true })
  await exporter.start()
  await put('whole')
  await stop()
  expect(readFileSync(path, 'utf8')).toMatch(/^\{"torn\n\{"resourceLogs.*\}\n$/)
})

test('a torn frame is cut off, since nothing behind it could be read', async () => {
  const path = newPath()
  const whole = Buffer.from([0, 0, 0, 1, 7])
  for (const torn of [[0], [0, 0, 0, 9, 1, 2], [255, 255, 255, 255]]) {
    writeFileSync(path, Buffer.concat([whole, Buffer.from(torn)]))
    const { exporter, put, stop } = writing(path, { format: 'proto', append: true })
    await exporter.start()
    await put('next')
    await stop()
    const [first, second, ...none] = frames(path)
    expect(first).toEqual(Buffer.from([7]))
    expect(textsOf(Batch.copyOf('logs', second!))).toEqual(['next'])
    expect(none).toEqual([])
  }
})

test('a full disk is waited for: nothing torn, nothing twice, counted as retries', async () => {
  for (const format of ['json', 'proto'] as const) {
    const path = newPath()
    const { disk, fill, mend } = failingDisk('ENOSPC')
    const { exporter, put, stop, clock, account } = writing(path, { format }, disk)
    await exporter.start()
    await put('first')
    const size = statSync(path).size
    fill(10)
    const second = put('second')
    await until(() => exporter.ready?.() === false)
    expect(statSync(path).size).toBe(size)
    mend()
    clock.advance(1000)
    expect(await second).toBe('delivered')
    await stop()
    if (format === 'json') expect(bodiesOf(path)).toEqual(['first', 'second'])
    else expect(frames(path)).toHaveLength(2)
    expect(account).toMatchObject({ received: 2, sent: 2, maybe_duplicate: 0 })
  }
})

test('what a full disk does not take is lost by the rule of the queue, and counted', async () => {
  const { disk, fill } = failingDisk('ENOSPC')
  fill(0)
  const { exporter, put, stop, account } = writing(newPath(), { retry_on_failure: { enabled: false } }, disk)
  await exporter.start()
  expect(await put('lost')).toMatchObject({ dropped: 'connection' })
  await stop()
  expect(account.received).toBe(1)
  expect(account.sent).toBe(0)
})

test('a disk that answers nothing does not hold the end up', async () => {
  const stuck = { ...systemDisk }
  stuck.open = async (path, fresh) => ({
    ...(await systemDisk.open(path, fresh)),
    write: () => new Promise<void>(() => {}),
  })
  const { exporter, put, account } = writing(newPath(), {}, stuck)
  await exporter.start()
  const lost = put('lost')
  await exporter.stop(AbortSignal.timeout(20))
  expect(await lost).toEqual({ dropped: 'shutdown' })
  expect(account.sent).toBe(0)
})

test('a full file is put aside under the time, and only so many are kept', async () => {
  const path = newPath()
  const { exporter, put, stop, clock } = writing(path, { rotation: { max_megabytes: 1, max_backups: 2 } })
  await exporter.start()
  const large = 'x'.repeat(700_000)
  for (let i = 0; i < 5; i++) {
    await put(`${i}${large}`)
    clock.advance(i === 1 ? 0 : 1000)
  }
  await stop()
  const names = readdirSync(path.slice(0, path.lastIndexOf('/'))).sort()
  expect(names).toEqual(['data-2026-11-21T05-02-16.173.json', 'data-2026-11-21T05-02-17.173.json', 'data.json'])
  expect(bodiesOf(path)).toEqual([`4${large}`])
})

test('with rotation the file that is there is gone on with, and a larger request has a file of its own', async () => {
  const path = newPath()
  writeFileSync(path, '{}\n')
  const { exporter, put, stop } = writing(path, { rotation: { max_megabytes: 1 } })
  await exporter.start()
  await put('x'.repeat(2_000_000))
  await put('y')
  await stop()
  const sizes = readdirSync(path.slice(0, path.lastIndexOf('/')))
    .sort()
    .map((name) => statSync(path.replace(basename(path), name)).size)
  expect(sizes[0]).toBe(3)
  expect(sizes[1]).toBeGreaterThan(2_000_000)
  expect(sizes[2]).toBeLessThan(1000)
})

test('old files are told by name; others are left alone', () => {
  const now = Date.UTC(2026, 10, 21)
  const names = [
    'data-2026-11-20T00-00-00.001.json',
    'data-2026-11-19T23-59-59.999.json',
    'data-2026-11-20T12-00-00.000.json',
    'data-2026-11-18.json',
    'data-2026-99-18T00-00-00.000.json',
    'other-2026-11-18T00-00-00.000.json',
    'data.json',
  ]
  const old = (maxDays: number, maxBackups: number) =>
    outdatedBackups('/d/data.json', names, now, false, { maxDays, maxBackups })
  expect(old(0, 0)).toEqual([])
  expect(old(1, 0)).toEqual(['/d/data-2026-11-19T23-59-59.999.json'])
  expect(old(0, 1)).toEqual(['/d/data-2026-11-20T00-00-00.001.json', '/d/data-2026-11-19T23-59-59.999.json'])
  expect(backupPath('/d/data', now, false)).toBe('/d/data-2026-11-21T00-00-00.000')
  const local = backupPath('/d/data.json', now, true)
  expect(
    outdatedBackups('/d/data.json', [basename(local)], now + 864e5 + 1, true, { maxDays: 1, maxBackups: 0 }),
  ).toEqual([local])
})

test('a file that was moved away is begun anew', async () => {
  const path = newPath()
  const { exporter, put, stop, clock } = writing(path)
  await exporter.start()
  await put('one')
  renameSync(path, `${path}.1`)
  clock.advance(1000)
  await put('two')
  await stop()
  expect(bodiesOf(`${path}.1`)).toEqual(['one'])
  expect(bodiesOf(path)).toEqual(['two'])
})

test('with fsync records are safe from a power cut', async () => {
  const { exporter, put, stop } = writing(newPath(), { fsync: true })
  await exporter.start()
  expect(await put('one')).toBe('durable')
  await stop()
})

test('a directory is made when that is asked for, else the start fails and says what to do', async () => {
  const path = `${newFolder()}/new/deep/data.json`
  await expect(writing(path).exporter.start()).rejects.toThrow(/data\.json cannot be written.*create_directory: true/)
  const { exporter, stop } = writing(path, { create_directory: true })
  await exporter.start()
  await stop()
  const folder = newFolder()
  mkdirSync(`${folder}/d`)
  await expect(writing(`${folder}/d`).exporter.start()).rejects.toThrow('name another')
})

test('settings that cannot be are refused with what to do', () => {
  const refused = (written: object) => String(file.config.safeParse({ path: 'x', ...written }).error)
  expect(refused({ group_by: { enabled: true } })).toContain('connector routing')
  expect(refused({ encoding: 'otlp_proto' })).toContain('format: json')
  expect(refused({ append: true, rotation: {} })).toContain('cannot be used together')
  expect(refused({ append: true, compression: 'zstd' })).toContain('cannot be used together')
  expect(refused({ compression: 'gzip' })).toContain('zstd')
})

test('a kill -9 loses nothing that counted as sent', async () => {
  const folder = newFolder()
  const path = `${folder}/data.json`
  const script = `
    import { writeSync } from 'node:fs'
    const { default: file } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)})
    const { Batch } = await import(${JSON.stringify(new URL('../../telemetry/batch.ts', import.meta.url).href)})
    const { Receipt } = await import(${JSON.stringify(new URL('../../telemetry/receipt.ts', import.meta.url).href)})
    const { newHost } = await import(${JSON.stringify(new URL('../../engine/host.ts', import.meta.url).href)})
    const { systemClock: clock } = await import(${JSON.stringify(new URL('../../runtime/clock.ts', import.meta.url).href)})
    const { silentLog: log } = await import(${JSON.stringify(new URL('../../runtime/log.ts', import.meta.url).href)})
    const { Metrics } = await import(${JSON.stringify(new URL('../../runtime/metrics.ts', import.meta.url).href)})
    const { Ledger } = await import(${JSON.stringify(new URL('../../delivery/ledger.ts', import.meta.url).href)})
    const { Budget } = await import(${JSON.stringify(new URL('../../delivery/budget.ts', import.meta.url).href)})
    const shared = { log, clock, metrics: new Metrics(), ledger: new Ledger(), budget: new Budget('service') }
    const host = newHost(shared, { kind: 'exporter', type: 'file', id: 'file', readsOrigins: false, extension() {} })
    const exporter = file.create({ config: file.config.parse({ path: ${JSON.stringify(path)}, linger: 0 }), host })
    await exporter.start()
    const request = Buffer.from('0a0c120a12082a060a0474657874', 'hex')
    const put = () => exporter.consume(Batch.copyOf('logs', request, { receipts: [new Receipt(settled)] }))
    let count = 0
    function settled() { writeSync(1, ++count + '\\n'); put() }
    put()
  `
  const child = spawn(process.execPath, ['--conditions=tailrace-source', '--input-type=module', '-e', script])
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  child.stdout.on('data', (chunk) => {
    said += chunk
    if (said.split('\n').length > 50) child.kill('SIGKILL')
  })
  await once(child, 'close')
  const acknowledged = Number(said.trim().split('\n').at(-1))
  expect(acknowledged).toBeGreaterThanOrEqual(50)
  expect(bodiesOf(path).length).toBeGreaterThanOrEqual(acknowledged)
})

/** Turns of the event loop until it is so. */
async function until(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => setImmediate(resolve))
}
