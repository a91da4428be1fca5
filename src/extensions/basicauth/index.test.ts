import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { newTestHost } from '../../../test/conformance/kit.ts'
import { newFolder } from '../../../test/support/folder.ts'
import type { Component } from '../../plugin.ts'
import { ManualClock } from '../../runtime/clock.ts'
import type { Authenticator } from '../authenticator.ts'
import { newBcryptThread } from './bcrypt-thread.ts'
import { parseHtpasswd } from './htpasswd.ts'
import basicauth from './index.ts'
import { newVerdicts } from './verdicts.ts'

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

const noThread = { check: () => Promise.reject(new Error('no bcrypt here')), stop: () => Promise.resolve() }

describe('hashes of htpasswd', () => {
  const thread = newBcryptThread(new ManualClock(0))
  afterAll(() => thread.stop())

  // Made with `htpasswd -nb`, `openssl passwd`, crypt(3), and sha1 of the salt "salt" behind the password.
  test.each([
    ['plain text', 'secret'],
    ['SHA-1', '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='],
    ['SHA-1 with salt', '{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0'],
    ["Apache's MD5", '$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/'],
    ['MD5 crypt', '$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1'],
    ['bcrypt of htpasswd -B', '$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a'],
    ['bcrypt of others', '$2b$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u'],
    ['SHA-256 crypt', '$5$saltstring$C3o4O1TC6aRHF4FI.QSZMXtHbaj2gSXr4sUc/3NcUi.'],
    [
      'SHA-512 crypt',
      '$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1',
    ],
    [
      'SHA-512 crypt with its own rounds',
      '$6$rounds=1400$anotherlongsalts$Twf2eP6WMY29NT9yg1Nff0x6Ul/TWD9vkV2VVPyEX7uifmXI0FHGx3rX27ttfZtfB9phxv3003yyBPq3nGFb8.',
    ],
  ])('%s', async (_, hash) => {
    const { users, unusable } = parseHtpasswd(`a:${hash}`, thread)
    expect(unusable).toEqual([])
    const check = users.get('a')!
    const isRight = async (password: string) => ('quick' in check ? check.quick(password) : await check.slow(password))
    expect(await isRight('secret')).toBe(true)
    for (const wrong of ['Secret', '', 'secret\0', 'x'.repeat(200)]) expect(await isRight(wrong)).toBe(false)
  })

  test.each([
    ['nonsense', 'expected user:hash'],
    ['a:$2y$05$abc', '(user "a"): this is no whole bcrypt hash'],
    [`a:$2y$31$${'a'.repeat(53)}`, '(user "a"): a bcrypt hash of cost 31 takes too long; 15 is the most'],
    ['b:$6$salt$hash', '(user "b"): this is no whole SHA-2 hash'],
    [
      `b:$5$rounds=5000000$salt$${'a'.repeat(43)}`,
      '(user "b"): a hash of 5000000 rounds takes too long; 100000 are the most',
    ],
    ['c:{SHA}AAAA', '(user "c"): the hash is not of the length of SHA-1'],
    ['d:$apr1$salt$short', '(user "d"): this is no whole MD5 hash'],
    [
      'e:$y$j9T$salt$hash',
      '(user "e"): hashes of the form $y$ are not known here; write one with htpasswd -B (bcrypt) or -5 (SHA-512)',
    ],
  ])('%s lets nobody in, and says why', (line, why) => {
    const { users, unusable } = parseHtpasswd(`# comment\n\n${line}\nlast:ok\r\n`, noThread)
    expect([...users.keys()]).toEqual(['last'])
    expect(unusable).toEqual([why.startsWith('(') ? `line 3 ${why}` : `line 3: ${why}`])
  })
})

describe('checks that take time', () => {
  /** A check that is answered by hand. */
  function newCheck() {
    const asked: { password: string; answer: (same: boolean) => void }[] = []
    const slow = (password: string) => new Promise<boolean>((resolve) => void asked.push({ password, answer: resolve }))
    return { asked, check: { slow } }
  }
  const turn = () => new Promise(setImmediate)

  test('are made one at a time, once for each, and known afterwards whatever came out', async () => {
    const verdicts = newVerdicts()
    const { asked, check } = newCheck()
    const answers = ['x', 'y', 'x'].map((password) => verdicts.ask(`a:${password}`, password, check))
    await turn()
    expect(asked.map(({ password }) => password)).toEqual(['x'])
    asked[0]!.answer(true)
    await turn()
    expect(asked.map(({ password }) => password)).toEqual(['x', 'y'])
    asked[1]!.answer(false)
    expect(await Promise.all(answers)).toEqual([true, false, true])
    expect([verdicts.ask('a:x', 'x', check), verdicts.ask('a:y', 'y', check)]).toEqual([true, false])
  })

  test('wait up to a number; the next is told to try again', async () => {
    const verdicts = newVerdicts()
    const { asked, check } = newCheck()
    const waiting = Array.from({ length: 64 }, (_, i) => verdicts.ask(`a:${i}`, `${i}`, check))
    expect(verdicts.ask('a:more', 'more', check)).toBe('busy')
    await turn()
    asked[0]!.answer(false)
    expect(await waiting[0]).toBe(false)
    expect(verdicts.ask('a:more', 'more', check)).toBeInstanceOf(Promise)
  })

  test('one that fails says nothing of the next', async () => {
    const verdicts = newVerdicts()
    const failing = { slow: () => Promise.reject(new Error('gone')) }
    await expect(verdicts.ask('a:x', 'x', failing)).rejects.toThrow('gone')
    expect(await verdicts.ask('a:x', 'x', { slow: async () => true })).toBe(true)
  })

  test('the thread goes when nobody asks and comes back', async () => {
    const clock = new ManualClock(0)
    const thread = newBcryptThread(clock)
    const hash = '$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a'
    expect(await thread.check('secret', hash)).toBe(true)
    clock.advance(10_000)
    expect(await thread.check('other', hash)).toBe(false)
    await thread.stop()
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
    expect([await auth.authenticate!(headers), await auth.authenticate!(headers)]).toEqual([verdict, verdict])
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

  test('with bcrypt takes and refuses; what it found out is known at once', async () => {
    const { auth } = await started({
      htpasswd: { inline: 'a:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a' },
    })
    const ask = (user: string, password: string) => auth.authenticate!(credentials(user, password))
    const first = [ask('a', 'secret'), ask('a', 'other'), ask('b', 'secret'), ask('a', 'x'.repeat(600))]
    expect(first.map((each) => each instanceof Promise)).toEqual([true, true, true, false])
    const verdicts = [true, 'invalid credentials', 'invalid credentials', 'invalid credentials']
    expect(await Promise.all(first)).toEqual(verdicts)
    const second = [ask('a', 'secret'), ask('a', 'other'), ask('b', 'secret'), ask('a', 'x'.repeat(600))]
    expect(second).toEqual(verdicts)
    await auth.stop(AbortSignal.abort())
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
