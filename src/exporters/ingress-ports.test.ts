import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { newLog } from '../runtime/log.ts'
import { readIngressPorts } from './ingress-ports.ts'

let folder: string
const lines: string[] = []
const log = newLog({ write: (line) => void lines.push(line) })

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ports-'))
  lines.length = 0
})
afterEach(() => rmSync(folder, { recursive: true }))

const save = (name: string, text: string): string => {
  const file = join(folder, name)
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, text)
  return file
}
const destinations = (protocol: 'otelcol' | 'loggregator') =>
  readIngressPorts(join(folder, '*', 'port.yml'), protocol, log).map((port) => port.destination)

describe('ingress port files', () => {
  test('go to the exporter of their protocol, in the order of their names', () => {
    save('b/port.yml', 'ingress: 3459\n')
    save('a/port.yml', 'ingress: 9100\nprotocol: otelcol\n')
    save('c/port.yml', 'ingress: "3460"\nprotocol: other\nmore: 1\n')
    expect(destinations('loggregator')).toEqual(['127.0.0.1:3459', '127.0.0.1:3460'])
    expect(destinations('otelcol')).toEqual(['127.0.0.1:9100'])
    expect(lines).toEqual([])
  })

  test('keep the port as it is written', () => {
    save('a/port.yml', 'ingress: 03459\n')
    expect(destinations('loggregator')).toEqual(['127.0.0.1:03459'])
  })

  test('with something else than a port are named and skipped', () => {
    for (const port of ['0x10', '1_000', 'http', '65536', '-1']) {
      lines.length = 0
      const file = save('a/port.yml', `ingress: ${port}\n`)
      expect(destinations('loggregator')).toEqual([])
      expect(lines[0]).toContain(`${file}: "${port}" is no port. Ignoring this destination.`)
    }
  })

  test('without a port are named once and skipped', () => {
    const empty = save('a/port.yml', '')
    const otel = save('b/port.yml', 'protocol: otelcol\n')
    const bare = save('c/port.yml', 'ingress:\n')
    expect(destinations('loggregator')).toEqual([])
    expect(destinations('otelcol')).toEqual([])
    const text = (file: string) => `No ingress port defined in ${file}. Ignoring this destination.`
    expect(lines.map((line) => line.slice(20).trim())).toEqual([text(empty), text(bare), text(otel)])
  })

  test('keep the same destination twice when two files name it', () => {
    save('a/port.yml', 'ingress: 3459')
    save('b/port.yml', 'ingress: 3459')
    expect(destinations('loggregator')).toEqual(['127.0.0.1:3459', '127.0.0.1:3459'])
  })

  test('that cannot be used say so in the words of the original', () => {
    save('a/port.yml', '[1, 2]')
    expect(() => destinations('loggregator')).toThrow(/^Unmarshal: /)
    save('a/port.yml', 'ingress: [1]')
    expect(() => destinations('loggregator')).toThrow(/^Unmarshal: .*ingress must be text/)
    save('a/port.yml', 'ingress: "1')
    expect(() => destinations('loggregator')).toThrow(/^Unmarshal: /)
    rmSync(join(folder, 'a/port.yml'))
    mkdirSync(join(folder, 'a/port.yml'))
    expect(() => destinations('loggregator')).toThrow(/^cannot read file: /)
    expect(() => readIngressPorts('/tmp/[', 'otelcol', log)).toThrow(/^Unable to read downstream port location: /)
  })

  test('do not exist for the empty pattern', () => {
    expect(readIngressPorts('', 'loggregator', log)).toEqual([])
  })
})
