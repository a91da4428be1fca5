import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newFolder } from '../../test/support/folder.ts'
import { agentName, defaultFolder, likelyFolders, prepareFolder, socketName, socketsIn } from './socket-place.ts'

test.each<[string, Record<string, string>, number, string | undefined]>([
  ['where systemd says', { RUNTIME_DIRECTORY: '/run/agent:/run/other', XDG_RUNTIME_DIR: '/x' }, 0, '/run/agent'],
  ['where the session says', { XDG_RUNTIME_DIR: '/run/user/7' }, 7, '/run/user/7/tailrace'],
  ['of root', {}, 0, '/run/tailrace'],
  ['of anybody else there is none', {}, 1000, undefined],
])('the folder %s', (_, env, uid, folder) => expect(defaultFolder({ env, uid })).toBe(folder))

test('who looks for agents looks everywhere they may be', () => {
  expect(likelyFolders({ env: { XDG_RUNTIME_DIR: '/x' }, uid: 1 })).toEqual(['/x/tailrace', '/run/tailrace'])
})

test.each<[string[], string]>([
  [['config/forwarder-agent.yaml', 'b.yaml'], 'forwarder-agent'],
  [['file:/etc/a b.yml'], 'a-b'],
  [['yaml:service::x'], 'tailrace'],
  [['env:CONFIG'], 'tailrace'],
  [[], 'tailrace'],
  [['../..'], 'tailrace'],
  [[`${'x'.repeat(99)}.yaml`], 'x'.repeat(32)],
])('an agent of %j is called %s', (locations, name) => expect(agentName(locations)).toBe(name))

test('a folder is made for this user alone', () => {
  const folder = join(newFolder(), 'a', 'b')
  prepareFolder(join(folder, socketName('x', 7)))
  expect(statSync(folder).mode & 0o777).toBe(0o700)
})

test('a folder in which others may write will not do, unless they cannot replace what is there', () => {
  const folder = join(newFolder(), 'open')
  mkdirSync(folder)
  chmodSync(folder, 0o777)
  expect(() => prepareFolder(join(folder, 'x.sock'))).toThrow(`${folder} may be written to by others: chmod go-w`)
  chmodSync(folder, 0o1777)
  prepareFolder(join(folder, 'x.sock'))
})

test('a path that no socket can have is refused in a sentence', () => {
  expect(() => prepareFolder(`/tmp/${'x'.repeat(120)}`)).toThrow('has 107 bytes at most')
})

test('sockets of a folder; none of one that is not there', () => {
  const folder = newFolder()
  for (const name of ['b.2.sock', 'a.1.sock', 'note.txt']) writeFileSync(join(folder, name), '')
  expect(socketsIn(folder)).toEqual([join(folder, 'a.1.sock'), join(folder, 'b.2.sock')])
  expect(socketsIn('/nowhere')).toEqual([])
})
