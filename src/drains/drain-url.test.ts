import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { classTakes, type DrainClass, type DrainKind } from './drain-parameters.ts'
import { type DrainFault, type DrainUrl, isDrainFault, parseDrainUrl } from './drain-url.ts'

const parse = (text: string, defaultMetadata = true) => parseDrainUrl(text, { defaultMetadata })
const good = (text: string, defaultMetadata = true): DrainUrl => {
  const url = parse(text, defaultMetadata)
  if (isDrainFault(url)) expect.fail(url.message)
  return url as DrainUrl
}

describe('URLs that are understood', () => {
  test.each<[string, Partial<DrainUrl>]>([
    ['syslog://a.example:1514', { scheme: 'syslog', host: 'a.example', port: 1514, clean: 'syslog://a.example:1514' }],
    ['SYSLOG-TLS://a.example', { scheme: 'syslog-tls', port: 6514, clean: 'syslog-tls://a.example' }],
    ['syslog://a.example', { port: 514 }],
    ['syslog://a.example:', { port: 514 }],
    ['https://a.example', { port: 443, target: '/' }],
    ['https-batch://a.example:8443/p/q', { scheme: 'https-batch', port: 8443, target: '/p/q' }],
    ['syslog://10.0.0.1:514', { host: '10.0.0.1' }],
    ['syslog://[2001:db8::1]:514/', { host: '2001:db8::1', clean: 'syslog://[2001:db8::1]:514/' }],
    ['https://a.example?x=1', { target: '/?x=1', clean: 'https://a.example' }],
    ['https://a.example//x/../y%2Fz?drain-data=all&a=b%20c', { target: '//x/../y%2Fz?drain-data=all&a=b%20c' }],
    ['https://a.example/pä th?q=ü#part', { target: '/p%C3%A4%20th?q=%C3%BC', clean: 'https://a.example/pä th#part' }],
    ['https://user:pass@h/p?drain-data=all', { authorization: 'Basic dXNlcjpwYXNz', clean: 'https://h/p' }],
    ['https://us%40er:p%3As@h/', { authorization: `Basic ${Buffer.from('us@er:p:s').toString('base64')}` }],
    ['https://user@h/', { authorization: `Basic ${Buffer.from('user:').toString('base64')}` }],
    ['https://a@b:c@h/', { clean: 'https://h/', host: 'h' }],
    ['syslog://münchen.example:1', { host: 'münchen.example' }],
  ])('%s', (text, expected) => {
    expect(good(text)).toMatchObject({ text, ...expected })
  })

  test('without a user there is no authorization', () => {
    expect(good('https://:secret@h/').authorization).toBeUndefined()
    expect(good('https://h/').authorization).toBeUndefined()
  })
})

describe('faults, in the words of the original', () => {
  test.each<[string, DrainFault['fault'], string]>([
    [
      'syslog-ssl://drain-0.com?user=u&password=p',
      'scheme',
      'Invalid Scheme syslog-ssl for syslog drain url syslog-ssl://drain-0.com',
    ],
    ['http://u:p@a.example/x', 'scheme', 'Invalid Scheme http for syslog drain url http://a.example/x'],
    ['udp://a.example:514', 'scheme', 'Invalid Scheme udp for syslog drain url udp://a.example:514'],
    ['a.example/path', 'scheme', 'Invalid Scheme  for syslog drain url a.example/path'],
    ['a.example:514', 'scheme', 'Invalid Scheme a.example for syslog drain url a.example:514'],
    [
      'syslog:/invalid-url-a-slash-is-missing',
      'no_host',
      'No hostname found in syslog drain url syslog:/invalid-url-a-slash-is-missing',
    ],
    ['https:user:pass@host/x', 'no_host', 'No hostname found in syslog drain url https:host/x'],
    ['syslog://', 'no_host', 'No hostname found in syslog drain url syslog://'],
    ['syslog://:514', 'no_host', 'No hostname found in syslog drain url syslog://:514'],
    ['syslog://u:p@:514?token=t', 'no_host', 'No hostname found in syslog drain url syslog://:514'],
    ['syslog://a.example:0', 'port', 'Invalid port 0 in syslog drain url syslog://a.example:0'],
    ['syslog://a.example:65536', 'port', 'Invalid port 65536 in syslog drain url syslog://a.example:65536'],
    [
      'https://a.example/?include-log-types=app&exclude-log-types=rtr',
      'log_types',
      'include-log-types and exclude-log-types can not be used at the same time in syslog drain url https://a.example/',
    ],
    ...[
      'syslog://a.example/\x7f',
      'syslog://a.exa mple',
      '://x',
      '10.0.0.1:514',
      'syslog://a:b:514',
      'syslog://[::1:514',
    ].map((text): [string, 'unparsable', string] => [text, 'unparsable', 'Cannot parse syslog drain URL.']),
    ['syslog://a.example:port', 'unparsable', 'Cannot parse syslog drain URL.'],
    ['syslog://a.example/%zz', 'unparsable', 'Cannot parse syslog drain URL.'],
    ['syslog://us er@a.example/', 'unparsable', 'Cannot parse syslog drain URL.'],
    ['', 'scheme', 'Invalid Scheme  for syslog drain url '],
  ])('%s', (text, fault, message) => {
    expect(parse(text)).toMatchObject({ fault, message })
  })
})

describe('parameters', () => {
  test.each<[string, DrainClass]>([
    ['', 'logs'],
    ['drain-data=logs', 'logs'],
    ['drain-data=metrics', 'metrics'],
    ['drain-data=traces', 'traces'],
    ['drain-data=all', 'all'],
    ['drain-type=logs', 'logs_no_events'],
    ['drain-type=metrics', 'metrics'],
    ['drain-type=all', 'logs_and_metrics'],
    ['drain-type=metrics&drain-data=logs', 'logs'],
    ['drain-type=metrics&drain-data=bogus', 'metrics'],
    ['drain-data=logs&include-metrics-deprecated=false', 'all'],
    ['include-metrics-deprecated=', 'logs'],
    ['drain-data=ALL', 'logs'],
    ['drain-data=constructor', 'logs'],
    ['Drain-Data=all', 'logs'],
    ['drain-data=metrics&drain-data=all', 'metrics'],
    ['drain-data=all;x=1', 'logs'],
    ['drain-data=a%6cl', 'all'],
    ['drain-data=%zz&drain-data=all', 'all'],
    ['drain-version=2.0', 'logs'],
  ])('?%s means %s', (query, drainClass) => {
    expect(good(`https://h/?${query}`).parameters.drainClass).toBe(drainClass)
  })

  test.each<[boolean, string, boolean]>([
    [true, '', true],
    [true, 'disable-metadata=true', false],
    [true, 'omit-metadata=true', false],
    [true, 'disable-metadata=false&omit-metadata=true', true],
    [true, 'disable-metadata=&omit-metadata=true', false],
    [true, 'disable-metadata=yes', true],
    [false, '', false],
    [false, 'omit-metadata=false', true],
    [false, 'disable-metadata=false', true],
    [false, 'disable-metadata=no', false],
  ])('tags by default %s, ?%s: %s', (byDefault, query, metadata) => {
    expect(good(`syslog://h:1/?${query}`, byDefault).parameters.metadata).toBe(metadata)
  })

  test('the strict internal profile takes exactly "true"', () => {
    expect(good('syslog-tls://h?ssl-strict-internal=true').parameters.strictInternal).toBe(true)
    expect(good('syslog-tls://h?ssl-strict-internal=1').parameters.strictInternal).toBe(false)
  })

  test('log types are read in any case; an empty list is none', () => {
    expect(good('https://h?include-log-types=stg,App,').parameters.includeLogTypes).toEqual(new Set(['STG', 'APP']))
    expect(good('https://h?exclude-log-types=rtr').parameters.excludeLogTypes).toEqual(new Set(['RTR']))
    expect(good('https://h?include-log-types=&exclude-log-types=,').parameters).not.toHaveProperty('includeLogTypes')
  })

  test('every class gets its kinds', () => {
    const kinds: DrainKind[] = ['log', 'counter', 'gauge', 'timer', 'event']
    const classes: DrainClass[] = ['logs', 'logs_no_events', 'metrics', 'logs_and_metrics', 'traces', 'all']
    const table = classes.map((name) => kinds.map((kind) => (classTakes(name, kind) ? 'x' : '-')).join(''))
    expect(table).toEqual(['x---x', 'x----', '-xx--', 'xxx--', '---x-', 'xxxxx'])
  })
})

test('any text is a URL or a fault, and neither message nor clean URL holds user, password or query', () => {
  const word = fc.stringMatching(/^[a-z]{1,8}$/)
  const url = fc
    .tuple(fc.constantFrom('syslog', 'syslog-tls', 'https', 'https-batch', 'ftp'), fc.boolean(), word, word)
    .map(([scheme, slashes, host, path]) => `${scheme}:${slashes ? '//' : ''}uSer:SECRET@${host}/${path}?token=SECRET`)
  fc.assert(
    fc.property(url, (text) => {
      const { clean, ...rest } = parse(text)
      expect(clean).not.toMatch(/SECRET|uSer/)
      if ('message' in rest) expect(rest.message).not.toMatch(/SECRET|uSer/)
    }),
  )
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.webUrl()), (text) => {
      const url = parse(text)
      if (!isDrainFault(url)) expect(url.target).toMatch(/^\/[\x21-\x7e]*$|^\/?\?/)
    }),
    { numRuns: 500 },
  )
})
