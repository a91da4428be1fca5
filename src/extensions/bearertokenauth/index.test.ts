import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { newTestHost } from '../../../test/conformance/kit.ts'
import { newFolder } from '../../../test/support/folder.ts'
import type { Component } from '../../plugin.ts'
import { ManualClock } from '../../runtime/clock.ts'
import type { Authenticator } from '../authenticator.ts'
import bearertokenauth from './index.ts'

type Both = Component & Required<Authenticator>

async function started(written: object) {
  const clock = new ManualClock(0)
  const { host } = newTestHost(bearertokenauth)
  const config = bearertokenauth.config.parse(written)
  const auth = bearertokenauth.create({ config, host: { ...host, clock } }) as Both
  await auth.start()
  return { auth, clock }
}

const missing = 'missing or empty authorization header: Authorization'
const wrong = 'provided authorization does not match expected scheme or token'

describe('a server takes', () => {
  test.each<[string, object, Record<string, string | string[]>, true | string]>([
    ['the token', { token: 'a' }, { authorization: 'Bearer a' }, true],
    ['no other token', { token: 'a' }, { authorization: 'Bearer ab' }, wrong],
    ['no other scheme', { token: 'a' }, { authorization: 'Token a' }, wrong],
    ['nobody without it', { token: 'a' }, {}, missing],
    ['nobody with nothing', { token: 'a' }, { authorization: '' }, missing],
    ['any of several', { tokens: ['a', 'b'] }, { authorization: 'Bearer b' }, true],
    ['the first of several headers', { token: 'a' }, { authorization: ['Bearer a', 'x'] }, true],
    ['another scheme', { scheme: 'ApiKey', token: 'a' }, { authorization: 'ApiKey a' }, true],
    ['a token alone', { scheme: '', token: 'a' }, { authorization: 'a' }, true],
    ['another header', { header: 'X-Key', scheme: '', token: 'a' }, { 'x-key': 'a' }, true],
  ])('%s', async (_, config, headers, verdict) => {
    const { auth } = await started(config)
    expect(auth.authenticate(headers)).toBe(verdict)
  })
})

test('a client shows the first token', async () => {
  const { auth } = await started({ header: 'X-Key', tokens: ['a', 'b'] })
  expect(auth.headers()).toEqual({ 'x-key': 'Bearer a' })
})

test('a file with tokens is read again when it changes, and stays when it is gone', async () => {
  const file = join(newFolder(), 'tokens')
  writeFileSync(file, ' one \n\ntwo\n')
  const { auth, clock } = await started({ token: 'unused', filename: file })
  const takes = (token: string) => auth.authenticate({ authorization: `Bearer ${token}` }) === true
  expect([takes('one'), takes('two'), takes('unused')]).toEqual([true, true, false])
  writeFileSync(file, 'three')
  expect(takes('three')).toBe(false)
  clock.advance(1000)
  expect([takes('three'), takes('one')]).toEqual([true, false])
  writeFileSync(file, '')
  clock.advance(1000)
  expect(takes('three')).toBe(true)
  expect(auth.headers()).toEqual({ authorization: 'Bearer three' })
})

test('a file that is not there stops the start', async () => {
  await expect(started({ filename: '/nonexistent/tokens' })).rejects.toThrow(/failed to read token file/)
})

test.each([
  [{}, 'no bearer token provided'],
  [{ token: 'a', tokens: ['b'] }, 'either tokens or token should be provided, not both'],
])('%j is not valid', (config, text) => {
  expect(bearertokenauth.config.safeParse(config).error?.issues).toMatchObject([{ message: text }])
})
