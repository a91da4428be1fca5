import { request } from 'node:https'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Binding, binding, startCloudController } from '../support/bindings.ts'
import { certificate, pemOf } from '../support/certificates.ts'
import { bindingCacheEnv } from '../support/environments.ts'
import { type Role, startRole, until } from '../support/role.ts'
import { startIngressSink } from '../support/sinks.ts'

// The binding cache between a Cloud Controller, an agent that takes lines for applications, and syslog agents.

interface Answer {
  status: number
  text: string
}

/** Asks the cache as an agent does. */
async function ask(role: Role, path: string, method = 'GET', client = pemOf(certificate('syslog-agent'))) {
  const [, port] = await role.line(/serving bindings address=\S*:(\d+)$/)
  return new Promise<Answer>((resolve, reject) => {
    const options = { ...client, method, servername: 'binding-cache', agent: false }
    const asked = request(`https://127.0.0.1:${port}${path}`, options, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('end', () => resolve({ status: response.statusCode!, text }))
    })
    asked.on('error', reject).end()
  })
}

const bindingsOf = async (role: Role) => JSON.parse((await ask(role, '/v2/bindings')).text) as Binding[]

const served = (role: Role, enough: (list: Binding[]) => boolean) =>
  until('the list to be served', async () => {
    const { status, text } = await ask(role, '/v2/bindings')
    return status === 200 && enough(JSON.parse(text))
  })

/** Two drains on loopback, one of them for two applications. */
const sound = [
  binding('https://127.0.0.2/?drain-data=all&x=<1>', ['app-1', 'app-2']),
  binding('syslog-tls://127.0.0.3:6514', ['app-1'], { ...pair('drain-client') }),
]

function pair(name: string) {
  const { cert, key, ca } = pemOf(certificate(name))
  return { cert, key, ca }
}

describe('what it serves', () => {
  test('asks the Cloud Controller page by page with its certificate, and hands the list on in its order', async () => {
    const capi = await startCloudController(sound)
    const role = await startRole('syslog-binding-cache', { ...bindingCacheEnv({ api: capi.url }), API_BATCH_SIZE: '1' })
    await served(role, (list) => list.length === 2)
    expect(capi.asked.slice(0, 3)).toEqual([
      '/internal/v5/syslog_drain_urls?batch_size=1&next_id=0',
      '/internal/v5/syslog_drain_urls?batch_size=1&next_id=1',
      '/internal/v5/syslog_drain_urls?batch_size=1&next_id=2',
    ])
    const { text } = await ask(role, '/v2/bindings')
    expect(JSON.parse(text)).toEqual(sound)
    // Compact, with the escapes of the original, and a line break at the end.
    expect(text).toMatch(/^\[\{"url":"https:\/\/127\.0\.0\.2\/\?drain-data=all\\u0026x=\\u003c1\\u003e","credentials":/)
    expect(text.endsWith(']\n')).toBe(true)
  })

  test('serves the aggregate drains of its file, null when there are none', async () => {
    const capi = await startCloudController()
    const bare = await startRole('syslog-binding-cache', bindingCacheEnv({ api: capi.url }))
    expect(await ask(bare, '/v2/aggregate')).toEqual({ status: 200, text: 'null\n' })
    const aggregate =
      '- url: syslog-tls://log-cache:6067?include-metrics-deprecated=true&ssl-strict-internal=true\n  ca: PEM\n'
    const role = await startRole('syslog-binding-cache', bindingCacheEnv({ api: capi.url, aggregate }))
    expect((await ask(role, '/v2/aggregate')).text).toBe(
      '[{"url":"syslog-tls://log-cache:6067?include-metrics-deprecated=true\\u0026ssl-strict-internal=true",' +
        '"credentials":[{"cert":"","key":"","ca":"PEM","apps":null}]}]\n',
    )
  })

  test('answers agents with a certificate alone, GET alone, two paths alone', async () => {
    const capi = await startCloudController()
    const role = await startRole('syslog-binding-cache', bindingCacheEnv({ api: capi.url }))
    await served(role, (list) => list.length === 0)
    const { ca } = pemOf(certificate('syslog-agent'))
    await expect(ask(role, '/v2/bindings', 'GET', { ca, cert: '', key: '' })).rejects.toThrow()
    expect(await ask(role, '/v2/bindings', 'POST')).toEqual({ status: 405, text: '' })
    expect((await ask(role, '/bindings')).status).toBe(404)
  })

  test('503 until the Cloud Controller has answered once; after that the last list, whatever happens', async () => {
    const capi = await startCloudController(sound)
    capi.trouble = 500
    const env = { ...bindingCacheEnv({ api: capi.url }), USE_RFC3339: 'true' }
    const role = await startRole('syslog-binding-cache', env)
    await role.line(/unexpected response from internal bindings endpoint\. status code: 500/)
    expect((await ask(role, '/v2/bindings')).status).toBe(503)
    capi.trouble = undefined
    await served(role, (list) => list.length === 2)
    capi.trouble = 500
    await capi.askedAgain(2)
    expect(await bindingsOf(role)).toEqual(sound)
    await capi.stop()
    await role.metricsUntil((page) => page.get('binding_refresh_error') > 0)
    expect(await bindingsOf(role)).toEqual(sound)
    capi.trouble = undefined
    capi.drains = [sound[0]!]
    await capi.restart()
    await served(role, (list) => list.length === 1)
  })
})

describe('drains that are none', () => {
  const faulty = [
    binding('syslog-ssl://drain-0.example?user=u&password=p', ['app-0']),
    binding('syslog:/a-slash-is-missing', ['app-1']),
    binding('syslog://u:p@10.1.2.3:514/path?token=t', ['app-2', 'app-3']),
    binding('syslog-tls://127.0.0.4:6514', ['app-4'], { cert: 'invalid', key: 'invalid' }),
    binding('syslog-tls://127.0.0.5:6514', ['app-5'], { ca: 'invalid' }),
    binding('https://127.0.0.6/?include-log-types=app&exclude-log-types=rtr', ['app-6']),
    binding('syslog://:514', ['app-7']),
  ]
  const sentences: Record<string, string> = {
    'app-0': 'Invalid Scheme syslog-ssl for syslog drain url syslog-ssl://drain-0.example',
    'app-1': 'No hostname found in syslog drain url syslog:/a-slash-is-missing',
    'app-2': 'Resolved ip address for syslog drain with url syslog://10.1.2.3:514/path is blacklisted',
    'app-3': 'Resolved ip address for syslog drain with url syslog://10.1.2.3:514/path is blacklisted',
    'app-4': 'failed to load certificate for syslog-tls://127.0.0.4:6514',
    'app-5': 'failed to load root CA for syslog-tls://127.0.0.5:6514',
    'app-6':
      'include-log-types and exclude-log-types can not be used at the same time in syslog drain url https://127.0.0.6/',
    'app-7': 'No hostname found in syslog drain url syslog://:514',
  }

  test('are told to their applications and to the operator, without secrets, and left out', async () => {
    const agent = await startIngressSink()
    const capi = await startCloudController([...faulty, ...sound])
    const role = await startRole('syslog-binding-cache', {
      ...bindingCacheEnv({ api: capi.url, agentPort: agent.port }),
      BLACKLISTED_SYSLOG_RANGES: '10.0.0.0-10.255.255.255',
    })
    await served(role, (list) => list.length > 0)
    expect(await bindingsOf(role)).toEqual(sound)
    await agent.until('a line for every application', () => agent.count() >= 8)
    const told = Object.fromEntries(agent.envelopes().map(({ source_id, log }) => [source_id, log.payload.toString()]))
    expect(told).toEqual(sentences)
    for (const { instance_id, tags, log } of agent.envelopes()) {
      expect([instance_id, tags]).toEqual(['0', { source_type: 'LGR' }])
      expect(log.type).toBe(1)
    }
    for (const [app, sentence] of Object.entries(sentences))
      expect(role.lines.some((line) => line.includes(`${sentence} for app ${app}`))).toBe(true)
    expect(role.lines.join('\n')).not.toMatch(/u:p|token|password|BEGIN/)
    const page = await role.metrics()
    expect(page.get('invalid_drains{unit="total"}')).toBe(7)
    expect(page.get('blacklisted_drains{unit="total"}')).toBe(1)
    expect(page.get('cached_bindings')).toBe(2)
  })

  test('WARN_ON_INVALID_DRAINS=false tells nobody', async () => {
    const agent = await startIngressSink()
    const capi = await startCloudController([...faulty, ...sound])
    const role = await startRole('syslog-binding-cache', {
      ...bindingCacheEnv({ api: capi.url, agentPort: agent.port }),
      WARN_ON_INVALID_DRAINS: 'false',
    })
    await served(role, (list) => list.length > 0)
    await capi.askedAgain(4)
    expect(agent.count()).toBe(0)
    expect(role.lines.join('\n')).not.toContain('Invalid Scheme')
  })

  test('lines come once, not with every round', async () => {
    const agent = await startIngressSink()
    const capi = await startCloudController([faulty[0]!])
    const role = await startRole('syslog-binding-cache', bindingCacheEnv({ api: capi.url, agentPort: agent.port }))
    await agent.until('a line', () => agent.count() === 1)
    await capi.askedAgain(6)
    expect(agent.count()).toBe(1)
    capi.drains = []
    await capi.askedAgain(4)
    capi.drains = [faulty[0]!]
    await agent.until('a line after it was mended and broken again', () => agent.count() === 2)
    expect((await role.stop()).code).toBe(0)
  })
})

test('the page has the names of the original', async () => {
  const capi = await startCloudController(sound)
  const role = await startRole('syslog-binding-cache', bindingCacheEnv({ api: capi.url }))
  const page = await role.metricsUntil((page) => page.get('cached_bindings') === 2)
  expect(page.get('last_binding_refresh_count')).toBe(2)
  expect(page.get('binding_refresh_error')).toBe(0)
  expect(page.get('invalid_drains{unit="total"}')).toBe(0)
  expect(page.get('blacklisted_drains{unit="total"}')).toBe(0)
  const types = { cached_bindings: 'gauge', last_binding_refresh_count: 'gauge', binding_refresh_error: 'counter' }
  for (const [name, type] of Object.entries(types)) expect(page.types.get(name)).toBe(type)
})

describe('start and end', () => {
  test('says what tooling reads, and ends at once though the Cloud Controller does not answer', async () => {
    const capi = await startCloudController()
    capi.trouble = 'silence'
    const args = ['--set', 'service.shutdown_timeout=60s']
    const role = await startRole('syslog-binding-cache', bindingCacheEnv({ api: capi.url }), { args })
    expect(role.lines[0]).toBe('starting syslog-binding-cache')
    await role.line(/^Metrics endpoint is listening on 127\.0\.0\.1:[1-9]\d*$/)
    await until('the Cloud Controller to be asked', () => capi.asked.length === 1)
    const { code, tookMs } = await role.stop()
    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(30_000)
    expect(role.lines).toContain('stopping syslog-binding-cache')
  })

  test('says that its port is taken, and exits with 1', async () => {
    const capi = await startCloudController()
    const first = await startRole('syslog-binding-cache', bindingCacheEnv({ api: capi.url }))
    const [, port] = await first.line(/serving bindings address=\S*:(\d+)$/)
    const env = { ...bindingCacheEnv({ api: capi.url }), CACHE_PORT: port! }
    const second = await startRole('syslog-binding-cache', env, { starting: true })
    onTestFinished(() => void second.stop('SIGKILL'))
    expect((await second.ended).code).toBe(1)
    expect(second.lines.join('\n')).toMatch(/error creating listener: .*in use/)
  })

  test('a range that is none ends the start with the words of the original', async () => {
    const env = {
      ...bindingCacheEnv({ api: 'https://127.0.0.1:9' }),
      BLACKLISTED_SYSLOG_RANGES: '10.10.10.10-10.8.10.12',
    }
    const role = await startRole('syslog-binding-cache', env, { starting: true })
    expect((await role.ended).code).toBe(78)
    expect(role.lines.join('\n')).toContain('Start 10.10.10.10 has to be before End 10.8.10.12')
  })

  test('warns when its certificate does not carry CACHE_COMMON_NAME', async () => {
    const env = { ...bindingCacheEnv({ api: 'https://127.0.0.1:9' }), CACHE_COMMON_NAME: 'another-name' }
    const role = await startRole('syslog-binding-cache', env)
    await role.line(/our certificate does not carry the name another-name/)
  })
})
