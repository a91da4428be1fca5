import { chmodSync, chownSync, lchownSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newFolder } from '../../test/support/folder.ts'
import {
  agentName,
  defaultFolder,
  likelyFolders,
  prepareFolder,
  socketName,
  socketsIn,
  whyStrange,
} from './socket-place.ts'

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

const isRoot = process.getuid?.() === 0

test.runIf(isRoot)('a folder of another user will not do, to root neither', () => {
  const folder = join(newFolder(), 'others')
  mkdirSync(folder, { mode: 0o755 })
  chownSync(folder, 65534, 65534)
  expect(() => prepareFolder(join(folder, 'x.sock'))).toThrow(
    `${folder} belongs to another user (uid 65534): chown 0 ${folder}, or set service.admin.socket`,
  )
  prepareFolder(join(folder, 'x.sock'), { uid: 65534 })
})

/** A folder, and a link to it in another one. */
function linked(folder = newFolder()) {
  mkdirSync(join(folder, 'real'), { mode: 0o700 })
  symlinkSync('real', join(folder, 'link'))
  return { folder, link: join(folder, 'link'), socket: join(folder, 'link', 'x.sock') }
}

test('a folder behind a link that nobody else can set is as good as the folder itself', () => {
  const { folder, link, socket } = linked()
  prepareFolder(socket)
  writeFileSync(socket, '')
  if (isRoot) expect(whyStrange(socket)).toBeUndefined()
  chmodSync(join(folder, 'real'), 0o777)
  expect(() => prepareFolder(socket)).toThrow(`${link} may be written to by others`)
  chmodSync(join(folder, 'real'), 0o700)
  chmodSync(folder, 0o777)
  expect(() => prepareFolder(socket)).toThrow(`${folder} may be written to by others, who could put a folder`)
})

test.runIf(isRoot)('a link of another user will not do, wherever it leads', () => {
  const { folder, link, socket } = linked()
  writeFileSync(socket, '')
  chmodSync(folder, 0o1777)
  prepareFolder(socket)
  lchownSync(link, 65534, 65534)
  const theirs = `${link} belongs to another user (uid 65534), who could put a folder of their own in the place of ${link}`
  expect(() => prepareFolder(socket)).toThrow(theirs)
  expect(whyStrange(socket)).toBe(theirs)
})

test('a link that leads nowhere is refused in a sentence', () => {
  const link = join(newFolder(), 'link')
  symlinkSync('nowhere', link)
  expect(() => prepareFolder(join(link, 'x.sock'))).toThrow(`${link} is a symbolic link to nowhere, which is no folder`)
})

test('a relative link behind another link leads on from where it stands', () => {
  const { folder } = linked()
  mkdirSync(join(folder, 'real', 'own'), { mode: 0o700 })
  symlinkSync('../real/own', join(folder, 'real', 'way'))
  prepareFolder(join(folder, 'link', 'way', 'x.sock'))
})

test('a folder that others can put another in the place of will not do, however far above they can', () => {
  const top = newFolder()
  const folder = join(top, 'a', 'b', 'own')
  const socket = join(folder, 'x.sock')
  const replaceable = `${top} may be written to by others, who could put a folder of their own in the place of ${folder}`
  prepareFolder(socket)
  chmodSync(top, 0o777)
  expect(() => prepareFolder(socket)).toThrow(replaceable)
  writeFileSync(socket, '')
  if (isRoot) expect(whyStrange(socket)).toBe(replaceable)
  chmodSync(top, 0o1777)
  prepareFolder(socket)
  // A group that nobody but its user needs to be in.
  chmodSync(top, 0o775)
  prepareFolder(socket)
})

test('a link above leads to folders that are looked at too', () => {
  const top = newFolder()
  mkdirSync(join(top, 'open'))
  mkdirSync(join(top, 'open', 'real'))
  symlinkSync(join('open', 'real'), join(top, 'link'))
  symlinkSync(join(top, 'link'), join(top, 'way'))
  const socket = join(top, 'way', 'own', 'x.sock')
  prepareFolder(socket)
  chmodSync(join(top, 'open'), 0o777)
  expect(() => prepareFolder(socket)).toThrow(`${join(top, 'open')} may be written to by others, who`)
})

test.runIf(isRoot)('a folder below one of another user will not do', () => {
  const top = newFolder()
  const folder = join(top, 'own')
  prepareFolder(join(folder, 'x.sock'))
  chownSync(top, 65534, 65534)
  expect(() => prepareFolder(join(folder, 'x.sock'))).toThrow(`${top} belongs to another user (uid 65534), who could`)
})

test.runIf(isRoot)('root believes a socket of another user only in a folder that root gave away', () => {
  const above = newFolder()
  const folder = join(above, 'agent')
  const socket = join(folder, 'x.sock')
  mkdirSync(folder, { mode: 0o755 })
  writeFileSync(socket, '')
  expect(whyStrange(socket)).toBeUndefined()
  chownSync(socket, 65534, 65534)
  expect(whyStrange(socket)).toContain(`${socket} belongs to another user`)
  chownSync(folder, 65534, 65534)
  expect(whyStrange(socket)).toBeUndefined()
  chownSync(above, 65534, 65534)
  expect(whyStrange(socket)).toContain(`${folder} belongs to another user`)
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
