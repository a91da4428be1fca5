import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findInherited } from './inherited-sockets.ts'

/** A folder like /proc/self: `fds` from 3 on link to what is given. */
function procWith(fds: string[], tables: Record<string, string[]>): string {
  const proc = mkdtempSync(join(tmpdir(), 'tailrace-proc-'))
  mkdirSync(join(proc, 'fd'))
  mkdirSync(join(proc, 'net'))
  for (const [i, target] of fds.entries()) symlinkSync(target, join(proc, 'fd', String(3 + i)))
  for (const [name, lines] of Object.entries(tables))
    writeFileSync(join(proc, 'net', name), ['  sl  local_address rem_address   st ...', ...lines, ''].join('\n'))
  return proc
}
const line = (local: string, remote: string, inode: number) =>
  `   0: ${local} ${remote} 0A 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0000000000000000 100 0 0 10 0`

const tables = {
  tcp: [line('0100007F:10DD', '00000000:0000', 11), line('0100007F:10DE', '0100007F:9C40', 12)],
  tcp6: [line('00000000000000000000000000000000:10DF', '00000000000000000000000000000000:0000', 13)],
  udp: [line('00000000:1FBD', '00000000:0000', 14)],
}

test('sockets are known by what they are bound to', () => {
  const proc = procWith(['socket:[11]', 'socket:[13]', 'socket:[14]'], tables)
  expect(findInherited({ LISTEN_PID: '5', LISTEN_FDS: '3' }, 5, proc)).toEqual([
    { kind: 'tcp', address: { host: '127.0.0.1', port: 4317 }, fd: 3 },
    { kind: 'tcp', address: { host: '::', port: 4319 }, fd: 4 },
    { kind: 'udp', address: { host: '0.0.0.0', port: 8125 }, fd: 5 },
  ])
})

test('local datagram sockets are known by their path', () => {
  const unix = [
    'ffff9e4a: 00000002 00000000 00000000 0002 01 21 /run/tailrace/log socket',
    'ffff9e4b: 00000002 00000000 00010000 0001 01 22 /run/stream',
    'ffff9e4c: 00000002 00000000 00000000 0002 01 23',
  ]
  const proc = procWith(['socket:[21]', 'socket:[22]', 'socket:[23]'], { unix })
  expect(findInherited({ LISTEN_PID: '5', LISTEN_FDS: '3' }, 5, proc)).toEqual([
    { kind: 'unix', path: '/run/tailrace/log socket', fd: 3 },
  ])
})

test('connections, files and sockets of other kinds are left alone', () => {
  const proc = procWith(['socket:[12]', '/dev/null', 'socket:[99]'], tables)
  expect(findInherited({ LISTEN_PID: '5', LISTEN_FDS: '3' }, 5, proc)).toEqual([])
})

test.each([
  ['another process was meant', { LISTEN_PID: '6', LISTEN_FDS: '1' }],
  ['nobody says anything', {}],
  ['the number is none', { LISTEN_PID: '5', LISTEN_FDS: 'many' }],
])('nothing is taken when %s', (_, env) => {
  expect(findInherited(env, 5, procWith(['socket:[11]'], tables))).toEqual([])
})
