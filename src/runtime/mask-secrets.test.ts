import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isSecretName, maskSecrets } from './mask-secrets.ts'

describe('masked', () => {
  test.each<[string, string]>([
    ['GET / Authorization: Bearer abc.def-123', 'GET / Authorization: ****'],
    ['curl -H "authorization: bearer abcdef123"', 'curl -H "authorization: ****"'],
    ['sent Bearer abcdef123 to it', 'sent Bearer **** to it'],
    ['Basic dXNlcjpwYXNz', 'Basic ****'],
    ['connecting to https://user:p4ss@db.example:5432/x?y=1', 'connecting to https://****@db.example:5432/x?y=1'],
    ['amqp://guest@host', 'amqp://****@host'],
    ['cut in https://user:p4s', 'cut in https://****@'],
    ['password=hunter2 user=joe', 'password=**** user=joe'],
    ['DB_PASSWORD: hunter2', 'DB_PASSWORD: ****'],
    ['{"password":"hun\\"ter2","user":"joe"}', '{"password":****,"user":"joe"}'],
    ["{'api_key': 'a b c', 'x': 1}", "{'api_key': ****, 'x': 1}"],
    ['apiKey=1234&x=2', 'apiKey=****&x=2'],
    ['/p?token=abc&sig=def&x=1', '/p?token=****&sig=****&x=1'],
    ['AWS_SECRET_ACCESS_KEY=abc/def+1', 'AWS_SECRET_ACCESS_KEY=****'],
    ['client_secret=abc', 'client_secret=****'],
    ['mysql --password hunter2 -h x', 'mysql --password **** -h x'],
    ['Set-Cookie: sid=123; Path=/', 'Set-Cookie: ****; Path=/'],
    ['token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_1 end', 'token **** end'],
    ['id AKIAIOSFODNN7EXAMPLE end', 'id **** end'],
    ['ghp_abcdefghijklmnop', '****'],
    ['-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- x', '**** x'],
    ['-----BEGIN PRIVATE KEY-----\nMIIE', '****'],
    ['passwords: a', 'passwords: ****'],
  ])('%s', (text, masked) => expect(maskSecrets(text)).toBe(masked))
})

describe('left as it is', () => {
  test.each([
    'GET /users/7 200 12ms',
    'https://host.example:443/path?x=1',
    'see https://host.example:443',
    'tokens were sold out',
    'the password was wrong',
    'sigma=3 design=5',
    'compass=north',
    '5f2a8d1c-1111-4e9a-9f3a-000000000000',
    'basic auth is used',
    'at 12:30:11 a passenger: boarded',
  ])('%s', (text) => expect(maskSecrets(text)).toBe(text))
})

test.each([
  ['password', true],
  ['db.password', true],
  ['X-Auth-Token', true],
  ['apiKey', true],
  ['clientSecret', true],
  ['http.request.header.authorization', true],
  ['process_id', false],
  ['source_id', false],
  ['tokenizer', false],
  ['design', false],
  ['compass', false],
])('%s names a secret: %s', (name, is) => expect(isSecretName(name)).toBe(is))

test('any text is masked in a time in proportion to its length, and twice is as once', () => {
  const piece = fc.constantFrom(
    'password',
    '=',
    ':',
    '"',
    "'",
    '\\',
    '://',
    '@',
    'a',
    ' ',
    'eyJaaaaaaaaa',
    '.',
    '--',
    'BEGIN PRIVATE KEY-----',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 400 }), (pieces) => {
      const once = maskSecrets(pieces.join(''))
      expect(typeof once).toBe('string')
    }),
  )
  for (const hard of [
    'a:'.repeat(80_000),
    '://'.repeat(60_000),
    'x://'.concat('a:'.repeat(90_000)),
    'password="'.repeat(20_000),
    '-'.repeat(200_000),
    'token '.repeat(40_000),
  ]) {
    const began = performance.now()
    maskSecrets(hard)
    expect(performance.now() - began).toBeLessThan(5000)
  }
})
