import { isIP } from 'node:net'
import { expect, test } from 'vitest'
import type { Binding, Credentials } from '../../drains/bindings.ts'
import { newCredentialsCheck } from '../../drains/check-credentials.ts'
import { parseDenyRanges } from '../../drains/deny-ranges.ts'
import { newFailedNames } from '../../drains/failed-names.ts'
import { ResolveError } from '../../net/resolver.ts'
import { issue, newAuthority } from '../../runtime/certs.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { newComplaintThrottle } from './complaint-throttle.ts'
import { newValidator } from './validate-bindings.ts'

type Answer = readonly string[] | 'name' | 'server'

function validator(deny = '', answers: Record<string, Answer> = {}) {
  const clock = new ManualClock()
  const asked: string[] = []
  const resolver = {
    async resolve(host: string) {
      asked.push(host)
      const answer = answers[host] ?? [isIP(host) ? host : '10.1.1.1']
      if (typeof answer === 'string') throw new ResolveError(answer, host)
      return answer
    },
  }
  const checks = { resolver, deny: parseDenyRanges(deny), failed: newFailedNames(clock), defaultMetadata: true }
  return { clock, answers, asked, ...newValidator(checks, newCredentialsCheck()) }
}

const credentials = (appId: string, pems: Partial<Credentials> = {}): Credentials => ({
  cert: '',
  key: '',
  ca: '',
  apps: [{ hostname: 'o.s.a', app_id: appId }],
  ...pems,
})
const drain = (url: string, ...list: Credentials[]): Binding => ({
  url,
  credentials: list.length > 0 ? list : [credentials('app-id-0')],
})
const urls = (list: readonly Binding[]) => list.map(({ url }) => url)

test.each([
  [
    'syslog-ssl://drain-0.com?user=u&password=p',
    'Invalid Scheme syslog-ssl for syslog drain url syslog-ssl://drain-0.com',
  ],
  [
    'syslog:/invalid-url-a-slash-is-missing',
    'No hostname found in syslog drain url syslog:/invalid-url-a-slash-is-missing',
  ],
  ['syslog://drain\x7f', 'Cannot parse syslog drain URL.'],
  ['syslog://:514', 'No hostname found in syslog drain url syslog://:514'],
])('%s is left out, its application told, and its neighbours stay', async (url, message) => {
  const { validate } = validator()
  const round = await validate([drain('syslog://a.example:1'), drain(url), drain('https://b.example')])
  expect(round).toMatchObject({ invalid: 1, denied: 0, complaints: [{ appId: 'app-id-0', message }] })
  expect(urls(round.kept)).toEqual(['syslog://a.example:1', 'https://b.example'])
})

test('a denied address counts twice: as invalid and as denied', async () => {
  const ranges = '10.0.0.5-10.0.0.9,123.4.5.6-123.4.5.7'
  const { validate } = validator(ranges, { 'in.example': ['1.1.1.1', '10.0.0.9'], 'out.example': ['10.0.0.10'] })
  const round = await validate([
    drain('syslog://in.example:1'),
    drain('syslog://out.example:1'),
    drain('https://10.0.0.5'),
  ])
  expect(round).toMatchObject({ invalid: 2, denied: 2 })
  expect(urls(round.kept)).toEqual(['syslog://out.example:1'])
  expect(round.complaints[0]!.message).toBe(
    'Resolved ip address for syslog drain with url syslog://in.example:1 is blacklisted',
  )
})

test('every application of every set of certificates hears of it; an entry without an id hears nothing and stays', async () => {
  const { validate } = validator()
  const apps = [
    { hostname: '', app_id: 'b' },
    { hostname: '', app_id: '' },
  ]
  const round = await validate([drain('ftp://x', credentials('a'), credentials('', { apps }))])
  expect(round.complaints.map(({ appId }) => appId)).toEqual(['a', 'b'])
  expect((await validate([drain('https://x', credentials('', { apps }))])).kept[0]!.credentials[0]!.apps).toEqual(apps)
})

test('a binding without credentials is left out and counted', async () => {
  const { validate } = validator()
  const round = await validate([{ url: 'syslog://a.example:1', credentials: [] }])
  expect(round).toMatchObject({ kept: [], withoutCredentials: 1, invalid: 0, complaints: [] })
})

test('a name that never resolved: told, then skipped for two minutes', async () => {
  const { validate, clock, asked } = validator('', { 'gone.example': 'name' })
  const list = [drain('syslog://gone.example:1')]
  expect(await validate(list)).toMatchObject({
    invalid: 1,
    kept: [],
    complaints: [{ message: 'Cannot resolve ip address for syslog drain with url syslog://gone.example:1' }],
  })
  clock.advance(60_000)
  expect(await validate(list)).toMatchObject({
    invalid: 0,
    kept: [],
    complaints: [
      { message: 'Skipped resolve ip address for syslog drain with url syslog://gone.example:1 due to prior failure' },
    ],
  })
  expect(asked).toHaveLength(1)
})

test('an outage of DNS takes no drain away that worked before, and blames nobody', async () => {
  const { validate, clock, answers } = validator()
  const list = [drain('syslog://a.example:1')]
  await validate(list)
  answers['a.example'] = 'server'
  for (let minute = 0; minute < 5; minute++) {
    expect(await validate(list)).toMatchObject({ kept: list, invalid: 0, complaints: [], unresolvedKept: 1 })
    clock.advance(60_000)
  }
  answers['a.example'] = ['10.1.1.1']
  clock.advance(120_000)
  expect(await validate(list)).toMatchObject({ kept: list, unresolvedKept: 0 })
})

test('a name taken out of DNS keeps its drain too, but its developer is told', async () => {
  const { validate, answers } = validator()
  const list = [drain('syslog://a.example:1')]
  await validate(list)
  answers['a.example'] = 'name'
  expect(await validate(list)).toMatchObject({ kept: list, invalid: 1, complaints: [{ appId: 'app-id-0' }] })
})

test('a name that turned to a denied address is left out, whatever it was before', async () => {
  const { validate, answers } = validator('127.0.0.0/8')
  const list = [drain('syslog://a.example:1')]
  expect((await validate(list)).kept).toHaveLength(1)
  answers['a.example'] = ['127.0.0.1']
  expect(await validate(list)).toMatchObject({ kept: [], denied: 1 })
})

test('a bad set of certificates is left out alone; the drain goes with its last one', async () => {
  const { validate } = validator()
  const authority = newAuthority({ commonName: 'ca' })
  const pair = issue(authority, { commonName: 'drain' })
  const bad = credentials('bad', { cert: 'invalid', key: 'invalid' })
  const badCa = credentials('bad-ca', { ca: 'invalid' })
  const good = credentials('good', { ...pair, ca: authority.cert })
  const half = credentials('half', { cert: 'invalid' })
  const round = await validate([
    drain('https://a.example/p?q=1', bad, good, badCa, half),
    drain('https://b.example', bad),
  ])
  expect(round.kept).toEqual([drain('https://a.example/p?q=1', good, half)])
  expect(round.invalid).toBe(3)
  expect(round.complaints).toEqual([
    { appId: 'bad', message: 'failed to load certificate for https://a.example/p' },
    { appId: 'bad-ca', message: 'failed to load root CA for https://a.example/p' },
    { appId: 'bad', message: 'failed to load certificate for https://b.example' },
  ])
})

test('a line goes to an application at once, then every so often; a fault that was mended and comes back is new', () => {
  const clock = new ManualClock()
  const { due } = newComplaintThrottle(clock, 600_000, 2)
  const [a, b, c] = ['a', 'b', 'c'].map((appId) => ({ appId, message: 'm' }))
  expect(due([a!, a!, b!])).toEqual([a, b])
  clock.advance(599_999)
  expect(due([a!, b!, { appId: 'a', message: 'other' }])).toEqual([])
  clock.advance(1)
  expect(due([a!])).toEqual([a])
  expect(due([])).toEqual([])
  expect(due([a!, b!, c!])).toEqual([a, b])
})
