import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { silentLog } from '../../runtime/log.ts'
import { readTargetFiles, type TargetFile } from './target-files.ts'

const folder = mkdtempSync(join(tmpdir(), 'tailrace-targets-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function read(text: string | Uint8Array): TargetFile | undefined {
  const file = join(folder, 'target.yml')
  writeFileSync(file, text)
  return readTargetFiles([file], 15_000, silentLog)[0]
}

test('every key has its default', () => {
  expect(read('port: 9100')).toEqual({
    file: join(folder, 'target.yml'),
    port: 9100,
    sourceId: '',
    instanceId: '',
    scheme: 'http',
    serverName: '',
    path: '/metrics',
    headers: {},
    labels: {},
    intervalMs: 15_000,
    caPath: '',
    clientCertPath: '',
    clientKeyPath: '',
  })
})

test.each([
  ['port: 080', { port: 80 }],
  ['port: "65536"', { port: 65_536 }],
  ['port: 1\nsource_id: 1.50\ninstance_id: yes', { sourceId: '1.50', instanceId: 'yes' }],
  ['port: 1\npath: a', { path: '/a' }],
  ['port: 1\npath: //a', { path: '//a' }],
  ['port: 1\nscheme:', { scheme: '' }],
  ['port: 1\nlabels: ~', { labels: {} }],
  [
    'port: 1\nlabels: {a: null, b: "null", c: 0x10, d: 2024-01-01}',
    { labels: { a: '', b: 'null', c: '0x10', d: '2024-01-01' } },
  ],
  ['port: 1\nscrape_interval: 1m30s', { intervalMs: 90_000 }],
  ['port: 1\nscrape_interval: "0"', { intervalMs: 0 }],
  ['port: 1\nscrape_interval: 30000000000', { intervalMs: 0 }],
  ['port: 1\nPORT: 2\nother: [1]', { port: 1 }],
  ['a: &x {k: v}\nport: 1\nlabels: *x', { labels: { k: 'v' } }],
  ['port: 1\n---\nport: 2', { port: 1 }],
])('%j', (text, expected) => {
  expect(read(text)).toMatchObject(expected)
})

test('patterns count in their order, files in theirs, and twice when they match twice', () => {
  for (const name of ['b', 'a']) writeFileSync(join(folder, `${name}.yml`), `port: 1\nsource_id: ${name}`)
  const found = readTargetFiles([join(folder, 'b*.yml'), join(folder, '[ab].yml')], 1, silentLog)
  expect(found.map(({ sourceId }) => sourceId)).toEqual(['b', 'a', 'b'])
})

test('any file is read or refused with a reason that names it', () => {
  const piece = fc.constantFrom(
    'port',
    ': ',
    '1',
    '\n',
    ' ',
    '-',
    '{',
    '}',
    '[',
    '&a',
    '*a',
    '"',
    "'",
    '#',
    '|',
    '~',
    'labels',
    '<<',
    '!!int',
    '---\n',
    '\t',
  )
  const text = fc.oneof(
    fc.array(piece, { maxLength: 30 }).map((parts) => parts.join('')),
    fc.uint8Array({ maxLength: 60 }),
  )
  fc.assert(
    fc.property(text, (bytes) => {
      try {
        read(bytes)
      } catch (error) {
        expect((error as Error).message).toMatch(/^unmarshal: \S+target\.yml: /)
      }
    }),
  )
})
