import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { writeRemnant } from '../../src/drains/remnant.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { openSpool, type Spool, type SpoolNote } from '../../src/storage/spool.ts'
import { runTailrace } from '../repository/process.ts'
import { newFolder } from '../support/folder.ts'

async function ended(...args: string[]) {
  const run = runTailrace(['queue', ...args])
  return { code: await run.done, out: run.stdout(), err: run.stderr() }
}

const open = (folder: string): Promise<Spool> =>
  openSpool({ folder, clock: systemClock, log: silentLog, maxBytes: 0, maxAgeMs: 0, maxLossMs: 500, onLost() {} })

const field = (number: number, bytes: Buffer) => Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes])

/** An ExportLogsServiceRequest with one record. */
const request = (text: string) => field(1, field(2, field(2, field(5, field(1, Buffer.from(text))))))

/** A queue with a batch for each text, closed. */
async function queueWith(folder: string, texts: readonly string[], note?: SpoolNote): Promise<string> {
  const spool = await open(folder)
  for (const text of texts) spool.append(request(text), 1, 'logs', note)
  await spool.close()
  return folder
}

/** Answers the requests of a replay one after the other. */
async function backend(answers: readonly number[] = []) {
  const bodies: string[] = []
  const server = createServer(async (incoming, response) => {
    const parts: Buffer[] = []
    for await (const part of incoming) parts.push(part as Buffer)
    const status = answers[bodies.length] ?? 200
    bodies.push(`${incoming.url} ${Buffer.concat(parts).toString('latin1')}`)
    response.writeHead(status, { 'retry-after': '0.01' }).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies }
}

test('ls shows what waits, of a directory and of a configuration', async () => {
  const folder = newFolder()
  await queueWith(join(folder, 'exporter_otlp__logs'), ['a', 'b'])
  const { code, out } = await ended('ls', folder)
  expect(code).toBe(0)
  expect(out).toMatch(/^exporter_otlp__logs +2 +2 +0\.0 MiB +\d+ s$/m)
  const file = join(newFolder(), 'agent.yaml')
  writeFileSync(
    file,
    `extensions: {file_storage: {directory: ${folder}}}
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}}}}
exporters: {otlp: {endpoint: "127.0.0.1:4317", tls: {insecure: true}, sending_queue: {storage: file_storage}}}
service: {extensions: [file_storage], pipelines: {logs: {receivers: [otlp], exporters: [otlp]}}}
`,
  )
  const [queue] = JSON.parse((await ended('ls', file, '--exporter', 'otlp', '--json')).out)
  expect(queue).toMatchObject({ folder: join(folder, 'exporter_otlp__logs'), batches: 2, records: 2, position: 1 })
  const none = await ended('ls', file, '--exporter', 'syslog')
  expect([none.code, none.err]).toEqual([
    1,
    `tailrace: ${file} has no queue of an exporter "syslog"; there are exporter_otlp__logs\n`,
  ])
})

test('verify names what is damaged, and fails', async () => {
  const folder = await queueWith(join(newFolder(), 'queue'), ['first', 'second'])
  expect(await ended('verify', folder)).toMatchObject({
    code: 0,
    out: expect.stringContaining('2 records, 0.0 MiB: sound'),
  })
  const file = join(folder, readdirSync(folder).find((name) => name.endsWith('.batches'))!)
  const bytes = readFileSync(file)
  bytes[bytes.indexOf('first')]! ^= 1
  writeFileSync(file, bytes)
  const { code, out } = await ended('verify', folder)
  expect(code).toBe(1)
  expect(out).toMatch(/at 64, 75 bytes: the bytes of batch 1 are not those of its header; costs 1 record/)
  expect(readFileSync(file).equals(bytes)).toBe(true)
})

test('messages of drains are named, shown one by one, and not sent to anybody else', async () => {
  const folder = join(newFolder(), 'exporter_syslog_drains_eu_memory')
  const spool = await open(folder)
  const frames = Buffer.from(
    ['<14>1 - h app - - - one', '<14>1 - h app - - - two'].map((m) => `${m.length} ${m}`).join(''),
  )
  const pieces = [{ chunk: { bytes: frames }, from: 0, to: frames.length }]
  spool.append(writeRemnant('4f1c', 'an-app', { pieces, bytes: frames.length }), 2, 'envelopes')
  await spool.close()
  expect((await ended('ls', folder)).out).toMatch(/^exporter_syslog_drains_eu_memory \(syslog messages\) +1 +2 /m)
  const { out } = await ended('peek', folder)
  expect(out).toMatch(/^#1 {2}\S+ {2}syslog messages, 2 records, /)
  expect(out.split('\n').slice(1, 3)).toEqual([
    expect.stringMatching(/an-app.*<14>1 - h app - - - one$/),
    expect.stringMatching(/an-app.*<14>1 - h app - - - two$/),
  ])
  expect(JSON.parse((await ended('peek', folder, '--json')).out)).toMatchObject({ holds: 'syslog messages', count: 2 })
  const { url, bodies } = await backend()
  for (const flags of [[], ['--endpoint', url], ['--endpoint', '127.0.0.1:1', '--keep']]) {
    const { code, err } = await ended('replay', folder, ...flags)
    expect(code).toBe(1)
    expect(err).toContain(
      'holds finished syslog messages, which only the drains they were made for take: start the agent',
    )
  }
  expect(bodies).toEqual([])
  const again = await open(folder)
  expect(again.records).toBe(2)
  await again.close()
})

test('peek shows batches and records, secrets masked, and takes nothing', async () => {
  const refusal = { reason: 'rejected', detail: 'HTTP Status Code 400', exporter: 'otlp' }
  const folder = await queueWith(join(newFolder(), 'queue.dead'), ['one', 'password=hunter2', 'three'], { refusal })
  const { out } = await ended('peek', folder, '-n', '2')
  expect(out).toMatch(/^#1 .* logs, 1 record, \d+ bytes$/m)
  expect(out).toContain('refused as rejected: HTTP Status Code 400')
  expect(out).toContain('one')
  expect(out).not.toContain('hunter2')
  expect(out).not.toContain('#3')
  expect(await ended('peek', folder, '--to', '1h')).toMatchObject({ code: 0, out: '' })
  expect((await ended('peek', folder, '--json')).out.trim().split('\n')).toHaveLength(3)
})

test('replay sends in order, repeats what may pass, and leaves what was refused', async () => {
  const folder = await queueWith(join(newFolder(), 'queue'), ['a1', 'b2', 'c3'])
  const { url, bodies } = await backend([200, 503, 200, 400])
  const { code, out, err } = await ended('replay', folder, '--endpoint', url)
  expect([code, out]).toEqual([1, `sent 2 records in 2 batches to ${url}\n`])
  expect(err).toContain(`${url}/v1/logs answered 400 Bad Request; what was not sent stays in ${folder}`)
  expect(bodies.map((body) => /^\/v1\/logs .*(a1|b2|c3)/s.exec(body)?.[1])).toEqual(['a1', 'b2', 'b2', 'c3'])
  const again = await backend()
  expect(await ended('replay', folder, '--endpoint', again.url)).toMatchObject({ code: 0 })
  expect(again.bodies.map((body) => body.slice(-2))).toEqual(['c3'])
})

test('dead letters go back behind what waits in their queue', async () => {
  const directory = newFolder()
  const queue = await queueWith(join(directory, 'queue'), ['waits'])
  const dead = await queueWith(`${queue}.dead`, ['refused'], { refusal: { reason: 'rejected' } })
  expect((await ended('replay', dead)).out).toBe(`put 1 record in 1 batch back into ${queue}\n`)
  const spool = await open(queue)
  const records = [...(await spool.read(1 << 20)), ...(await spool.read(1 << 20))]
  expect(records.map(({ payload, note }) => [payload.equals(request('waits')), note])).toEqual([
    [true, undefined],
    [false, undefined],
  ])
  await spool.close()
  expect((await ended('replay', queue)).err).toMatch(/say where to send it with --endpoint/)
})

test('drop counts, and removes when it is said that it is meant: all, or a time', async () => {
  const folder = await queueWith(join(newFolder(), 'queue'), ['a', 'b'])
  expect(await ended('drop', folder)).toMatchObject({
    code: 1,
    err: `this would remove 2 records from ${folder}; say --yes to do it\n`,
  })
  expect((await ended('drop', folder, '--yes', '--to', '1h')).out).toBe(`removed 0 records from ${folder}\n`)
  expect((await ended('drop', folder, '--yes')).out).toBe(`removed 2 records from ${folder}\n`)
})

test('a queue in use can be looked at and copied, and is named when it is to be changed', async () => {
  const folder = join(newFolder(), 'queue')
  const spool = await open(folder)
  onTestFinished(() => spool.close())
  spool.append(request('x'), 1, 'logs')
  expect((await ended('ls', folder)).out).toMatch(new RegExp(`process ${process.pid} \\(since `))
  const { url, bodies } = await backend()
  expect((await ended('replay', folder, '--endpoint', url, '--keep')).out).toMatch(
    /^sent copies of 1 record in 1 batch/,
  )
  expect(bodies).toHaveLength(1)
  const refused = await ended('replay', folder, '--endpoint', url, '--admin', folder)
  expect([refused.code, bodies.length]).toEqual([1, 1])
  expect(refused.err).toMatch(/no running agent was found/)
  expect((await ended('drop', folder, '--yes', '--admin', folder)).err).toMatch(/no running agent was found/)
  expect(spool.records).toBe(1)
})

test('a command line that is wrong is told so', async () => {
  const folder = await queueWith(join(newFolder(), 'queue'), ['a'])
  for (const [args, text] of [
    [
      ['peek', folder, '--since', 'soon'],
      '--since takes a time such as 2026-11-21T09:00:00Z, or how long ago: 10m, 2h; not "soon"',
    ],
    [['peek', folder, '-n', 'x'], '--number takes a whole number, not "x"'],
    [['peek', folder, '--since', '1m', '--to', '2m'], '--since must be before --to'],
    [['ls', '/nowhere'], '/nowhere: there is no such folder or file'],
  ] as const) {
    const { code, err } = await ended(...args)
    expect([code, err]).toEqual([1, `tailrace: ${text}\n`])
  }
})
