import { describe, expect, test } from 'vitest'
import { ResolveError, type Resolver } from '../net/resolver.ts'
import { issue, newAuthority } from '../runtime/certs.ts'
import { ManualClock } from '../runtime/clock.ts'
import { newCredentialsCheck } from './check-credentials.ts'
import { checkDrain, checkDrains } from './check-drain.ts'
import { parseDenyRanges } from './deny-ranges.ts'
import { newFailedNames } from './failed-names.ts'

function checker(resolve: Resolver['resolve'], deny = '') {
  const clock = new ManualClock()
  const asked: string[] = []
  const resolver: Resolver = {
    resolve(host) {
      asked.push(host)
      return resolve(host)
    },
  }
  const checks = { resolver, deny: parseDenyRanges(deny), failed: newFailedNames(clock), defaultMetadata: true }
  return { clock, asked, check: (text: string) => checkDrain(text, checks) }
}

test('a drain that resolves to allowed addresses passes, with them', async () => {
  const { check } = checker(async () => ['10.0.0.1', 'fd00::1'], '10.0.0.5-10.0.0.9')
  expect(await check('syslog://a.example:514')).toMatchObject({ addresses: ['10.0.0.1', 'fd00::1'] })
})

test('every address counts, not only the first', async () => {
  const { check } = checker(async () => ['1.1.1.1', '::ffff:10.0.0.5'], '10.0.0.5-10.0.0.9')
  expect(await check('syslog://u:p@a.example:514/x?y=z')).toMatchObject({
    fault: 'denied',
    clean: 'syslog://a.example:514/x',
    message: 'Resolved ip address for syslog drain with url syslog://a.example:514/x is blacklisted',
  })
})

test('a name that does not resolve is left alone for two minutes', async () => {
  const { check, asked, clock } = checker(async () => {
    throw new ResolveError('name', 'none')
  })
  expect(await check('syslog://a.example:514')).toMatchObject({
    fault: 'unresolvable',
    message: 'Cannot resolve ip address for syslog drain with url syslog://a.example:514',
  })
  clock.advance(119_999)
  expect(await check('syslog://a.example:514')).toMatchObject({
    fault: 'skipped',
    message: 'Skipped resolve ip address for syslog drain with url syslog://a.example:514 due to prior failure',
  })
  expect(asked).toHaveLength(1)
  clock.advance(1)
  expect(await check('syslog://a.example:514')).toMatchObject({ fault: 'unresolvable' })
  expect(asked).toHaveLength(2)
})

test('an outage of DNS is told apart, in the same words', async () => {
  const { check } = checker(async () => {
    throw new ResolveError('server', 'nobody answers')
  })
  expect(await check('https://a.example')).toMatchObject({
    fault: 'no_dns',
    message: 'Cannot resolve ip address for syslog drain with url https://a.example',
  })
})

test('what is wrong with the URL comes first, and no name is looked up', async () => {
  const { check, asked } = checker(async () => [])
  expect(await check('ftp://a.example')).toMatchObject({ fault: 'scheme' })
  expect(await check('syslog://:514')).toMatchObject({ fault: 'no_host' })
  expect(asked).toEqual([])
})

test('many are judged in their order, each name looked up once', async () => {
  const asked: string[] = []
  const resolver: Resolver = {
    async resolve(host) {
      asked.push(host)
      if (host === 'gone.example') throw new ResolveError('name', 'none')
      return ['10.0.0.1']
    },
  }
  const checks = {
    resolver,
    deny: parseDenyRanges(''),
    failed: newFailedNames(new ManualClock()),
    defaultMetadata: true,
  }
  const texts = [
    'https://a.example',
    'ftp://x',
    'https://gone.example/1',
    'syslog://a.example',
    'https://gone.example/2',
  ]
  const verdicts = await checkDrains(texts, checks)
  expect(verdicts.map((each) => ('fault' in each ? each.fault : 'sound'))).toEqual([
    'sound',
    'scheme',
    'unresolvable',
    'sound',
    'unresolvable',
  ])
  expect(asked).toEqual(['a.example', 'gone.example'])
})

test('the memory of failed names has a bound', () => {
  const names = newFailedNames(new ManualClock(), 2)
  for (const name of ['a', 'b', 'c']) names.add(name)
  expect(['a', 'b', 'c'].map((name) => names.has(name))).toEqual([false, true, true])
})

describe('credentials', () => {
  const authority = newAuthority({ commonName: 'ca' })
  const pair = issue(authority, { commonName: 'a' })
  const stranger = issue(authority, { commonName: 'b' })
  const none = { cert: '', key: '', ca: '' }
  test.each([
    ['none', none, undefined],
    ['a pair', { ...none, ...pair }, undefined],
    ['a chain and other blocks', { ...none, cert: pair.cert + authority.cert, key: `text\n${pair.key}` }, undefined],
    ['a certificate alone', { ...none, cert: 'invalid' }, undefined],
    ['a key alone', { ...none, key: 'invalid' }, undefined],
    ['garbage', { ...none, cert: 'invalid', key: 'invalid' }, 'failed to load certificate for U'],
    [
      'parts that do not belong together',
      { ...none, cert: pair.cert, key: stranger.key },
      'failed to load certificate for U',
    ],
    ['a CA', { ...none, ca: `# comment\n${authority.cert}` }, undefined],
    ['no CA', { ...none, ca: 'invalid' }, 'failed to load root CA for U'],
    ['a key in the place of a CA', { ...none, ca: authority.key }, 'failed to load root CA for U'],
    ['one sound CA of two', { ...none, ca: authority.cert.replace(/MII/, 'XXX') + authority.cert }, undefined],
  ])('%s', (_, credentials, message) => {
    const checks = newCredentialsCheck()
    expect(checks.check(credentials, 'U')).toBe(message)
    checks.nextRound()
    expect(checks.check(credentials, 'U')).toBe(message)
  })
})
