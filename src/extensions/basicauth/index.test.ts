import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { newTestHost } from '../../../test/conformance/kit.ts'
import { newFolder } from '../../../test/support/folder.ts'
import type { Component } from '../../plugin.ts'
import { ManualClock } from '../../runtime/clock.ts'
import type { Authenticator } from '../authenticator.ts'
import { parseHtpasswd } from './htpasswd.ts'
import basicauth from './index.ts'

async function started(written: object) {
  const clock = new ManualClock(0)
  const { host } = newTestHost(basicauth)
  const config = basicauth.config.parse(written)
  const auth = basicauth.create({ config, host: { ...host, clock } }) as Component & Authenticator
  await auth.start()
  return { auth, clock }
}

const credentials = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
})

describe('hashes of htpasswd', () => {
  // Made with `htpasswd -nb`, `openssl passwd` and sha1 of the salt "salt" behind the password.
  test.each([
    ['plain text', 'secret'],
    ['SHA-1', '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='],
    ['SHA-1 with salt', '{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0'],
    ["Apache's MD5", '$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/'],
    ['MD5 crypt', '$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1'],
  ])('%s', (_, hash) => {
    const { users, unusable } = parseHtpasswd(`a:${hash}`)
    expect(unusable).toEqual([])
    expect([users.get('a')?.('secret'), users.get('a')?.('Secret'), users.get('a')?.('')]).toEqual([true, false, false])
  })

  test('lines that let nobody in are named', () => {
    const text = '# comment\n\nnonsense\na:$2y$05$abc\nb:$6$salt$hash\nc:{SHA}AAAA\nd:ok\r\n'
    const { users, unusable } = parseHtpasswd(text)
    expect([...users.keys()]).toEqual(['d'])
    expect(unusable).toEqual([
      'line 3: expected user:hash',
      expect.stringMatching(/^line 4 \(user "a"\): bcrypt hashes are not supported/),
      expect.stringMatching(/^line 5 \(user "b"\): SHA-2 crypt hashes are not supported/),
      'line 6 (user "c"): the hash is not of the length of SHA-1',
    ])
  })
})

describe('a server', () => {
  test.each<[string, Record<string, string>, true | string]>([
    ['takes user and password', credentials('a', 'secret'), true],
    ['takes passwords with colons', credentials('colon', 'x:y'), true],
    ['refuses another password', credentials('a', 'other'), 'invalid credentials'],
    ['refuses another user', credentials('b', 'secret'), 'invalid credentials'],
    ['refuses nothing', {}, 'no basic auth provided'],
    ['refuses another scheme', { authorization: 'Bearer x' }, 'invalid authorization scheme prefix'],
    [
      'refuses a user alone',
      { authorization: `Basic ${Buffer.from('a').toString('base64')}` },
      'invalid authorization format',
    ],
  ])('%s', async (_, headers, verdict) => {
    const { auth } = await started({ htpasswd: { inline: 'a:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/\ncolon:x:y' } })
    // Twice: the second time it is known.
    expect([auth.authenticate!(headers), auth.authenticate!(headers)]).toEqual([verdict, verdict])
    expect(auth.headers).toBeUndefined()
  })

  test('reads its file again when it changes; who was taken out does not come in', async () => {
    const file = join(newFolder(), 'htpasswd')
    writeFileSync(file, 'a:one\nb:two\n')
    const { auth, clock } = await started({ htpasswd: { file, inline: 'b:inline' } })
    const takes = (user: string, password: string) => auth.authenticate!(credentials(user, password)) === true
    expect([takes('a', 'one'), takes('b', 'two'), takes('b', 'inline')]).toEqual([true, false, true])
    writeFileSync(file, 'c:three\n')
    clock.advance(1000)
    expect([takes('a', 'one'), takes('c', 'three')]).toEqual([false, true])
  })

  test('without any user does not start', async () => {
    await expect(started({ htpasswd: { inline: 'a:$2y$05$abc' } })).rejects.toThrow('names no user that could come in')
  })
})

test('a client shows what it was given, or what is in files', async () => {
  const folder = newFolder()
  writeFileSync(join(folder, 'password'), 'new\n')
  const { auth } = await started({ client_auth: { username: 'a', password: 'secret' } })
  expect(auth.headers!()).toEqual(credentials('a', 'secret'))
  const config = { username: 'a', password: 'old', password_file: join(folder, 'password') }
  const { auth: fromFile } = await started({ client_auth: config })
  expect(fromFile.headers!()).toEqual(credentials('a', 'new'))
  expect(fromFile.authenticate).toBeUndefined()
})

test.each([
  [{}, 'no credential source provided'],
  [{ htpasswd: {}, client_auth: {} }, 'only one of `htpasswd` and `client_auth` can be specified'],
])('%j is not valid', (config, text) => {
  expect(basicauth.config.safeParse(config).error?.issues).toMatchObject([{ message: text }])
})
