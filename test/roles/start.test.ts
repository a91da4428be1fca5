import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import { createServer } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { issue, newAuthority } from '../../src/runtime/certs.ts'
import { certificate, certificateFolder, pemOf } from '../support/certificates.ts'
import {
  bindingCacheEnv,
  forwarderEnv,
  loggregatorAgentEnv,
  promScraperEnv,
  statsdInjectorEnv,
  syslogAgentEnv,
  udpForwarderEnv,
} from '../support/environments.ts'
import { newFolder } from '../support/folder.ts'
import { fetchMetrics, type Role, startRole } from '../support/role.ts'

// What all roles have in common at their start: variables, certificates, ports, the metrics page, signals.

interface Case {
  name: string
  env: () => Record<string, string>
  required: string[]
  /** The variable with the certificate it shows or serves. */
  cert: string
  key: string
  /** The variable of its own port, when it listens by TCP. */
  port?: string
  first?: string
}

const nowhere = '127.0.0.1:9'
const metrics = ['METRICS_CA_FILE_PATH', 'METRICS_CERT_FILE_PATH', 'METRICS_KEY_FILE_PATH']
const agent = ['AGENT_CA_FILE_PATH', 'AGENT_CERT_FILE_PATH', 'AGENT_KEY_FILE_PATH']
const downstream = (part: string) => `LOGGREGATOR_AGENT_${part}_FILE_PATH`

const roles: Case[] = [
  {
    name: 'forwarder-agent',
    env: () => forwarderEnv(),
    required: [...agent, ...metrics],
    cert: 'AGENT_CERT_FILE_PATH',
    key: 'AGENT_KEY_FILE_PATH',
    port: 'AGENT_PORT',
    first: 'starting forwarder-agent',
  },
  {
    name: 'udp-forwarder',
    env: () => udpForwarderEnv(nowhere),
    required: [downstream('CA'), downstream('CERT'), downstream('KEY'), ...metrics],
    cert: downstream('CERT'),
    key: downstream('KEY'),
    first: 'starting UDP Forwarder...',
  },
  {
    name: 'prom-scraper',
    env: () => promScraperEnv(nowhere, ''),
    required: [
      'LOGGREGATOR_AGENT_ADDR',
      'CA_CERT_PATH',
      'CLIENT_CERT_PATH',
      'CLIENT_KEY_PATH',
      'DEFAULT_SOURCE_ID',
      ...metrics,
    ],
    cert: 'CLIENT_CERT_PATH',
    key: 'CLIENT_KEY_PATH',
    first: 'starting Prom Scraper...',
  },
  {
    name: 'loggregator-agent',
    env: () => loggregatorAgentEnv(nowhere),
    required: ['AGENT_CA_FILE', 'AGENT_CERT_FILE', 'AGENT_KEY_FILE', 'ROUTER_ADDR', ...metrics],
    cert: 'AGENT_CERT_FILE',
    key: 'AGENT_KEY_FILE',
    port: 'AGENT_PORT',
    first: 'starting loggregator-agent',
  },
  {
    name: 'syslog-agent',
    env: () => syslogAgentEnv(),
    required: [...agent, 'LOGGREGATOR_AGENT_ADDR', ...metrics],
    cert: 'AGENT_CERT_FILE_PATH',
    key: 'AGENT_KEY_FILE_PATH',
    port: 'AGENT_PORT',
    first: 'starting syslog-agent',
  },
  {
    name: 'syslog-binding-cache',
    env: () => bindingCacheEnv({ api: `https://${nowhere}` }),
    required: [
      ...['API_URL', 'API_CA_FILE_PATH', 'API_CERT_FILE_PATH', 'API_KEY_FILE_PATH', 'API_COMMON_NAME'],
      ...['CACHE_CA_FILE_PATH', 'CACHE_CERT_FILE_PATH', 'CACHE_KEY_FILE_PATH', 'CACHE_COMMON_NAME', 'CACHE_PORT'],
      ...[downstream('CA'), downstream('CERT'), downstream('KEY'), 'AGGREGATE_DRAINS_FILE', ...metrics],
    ],
    cert: 'CACHE_CERT_FILE_PATH',
    key: 'CACHE_KEY_FILE_PATH',
    first: 'starting syslog-binding-cache',
  },
  {
    name: 'statsd-injector',
    env: () => statsdInjectorEnv(9),
    required: ['CA', 'CERT', 'KEY'],
    cert: 'CERT',
    key: 'KEY',
  },
]

describe.each(roles)('$name', ({ name, env, required, cert, key, port, first }) => {
  const withPage = required.includes('METRICS_CA_FILE_PATH')

  test('names every variable that must be set, and exits with 78', async () => {
    const role = await startRole(name, {}, { starting: true })
    expect((await role.ended).code).toBe(78)
    const text = role.lines.join('\n')
    for (const variable of required) expect(text).toContain(variable)
  })

  test('starts, says so first, survives SIGHUP and SIGUSR1, and ends with 0 on SIGTERM', async () => {
    const role = await startRole(name, env(), { args: ['--set', 'service.shutdown_timeout=60s'] })
    if (first) expect(role.lines[0]).toBe(first)
    role.signal('SIGHUP')
    role.signal('SIGUSR1')
    await role.line(/^tailrace, process \d+, up /)
    const { code, tookMs } = await role.stop()
    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(30_000)
  })

  test('says which certificate it cannot use, and exits with 1', async () => {
    const folder = newFolder({ 'broken.crt': 'no certificate\n' })
    const role = await startRole(name, { ...env(), [cert]: `${folder}/broken.crt` }, { starting: true })
    expect((await role.ended).code).toBe(1)
    expect(role.lines.join('\n')).toContain(`${folder}/broken.crt`)
  })

  test('says that a certificate has expired, and exits with 1', async () => {
    const folder = certificateFolder()
    const authority = { cert: readFileSync(`${folder}/ca.crt`, 'utf8'), key: readFileSync(`${folder}/ca.key`, 'utf8') }
    const day = 86_400_000
    const old = issue(authority, {
      commonName: 'metron',
      names: ['metron'],
      notBefore: new Date(Date.now() - 3 * day),
      notAfter: new Date(Date.now() - 2 * day),
    })
    const files = newFolder({ 'old.crt': old.cert, 'old.key': old.key })
    const role = await startRole(
      name,
      { ...env(), [cert]: `${files}/old.crt`, [key]: `${files}/old.key` },
      { starting: true },
    )
    expect((await role.ended).code).toBe(1)
    expect(role.lines.join('\n')).toMatch(/certificate has expired/)
  })

  if (port)
    test('says that its port is taken, and exits with 1', async () => {
      const taken = await takenPort()
      const role = await startRole(name, { ...env(), [port!]: String(taken) }, { starting: true })
      expect((await role.ended).code).toBe(1)
      expect(role.lines.join('\n')).toMatch(
        new RegExp(`failed to start "\\S+" receiver: .*127\\.0\\.0\\.1:${taken}.*in use`),
      )
    })

  if (withPage)
    test('says that the port of the metrics page is taken, and exits with 1', async () => {
      const taken = await takenPort()
      const role = await startRole(name, { ...env(), METRICS_PORT: String(taken) }, { starting: true })
      expect((await role.ended).code).toBe(1)
      expect(role.lines.join('\n')).toContain(`Unable to setup metrics endpoint (127.0.0.1:${taken}): `)
    })

  if (withPage)
    test('M1, M2: shows the page to the clients of its authority alone', async () => {
      const role = await startRole(name, env())
      const address = await role.address(/^Metrics endpoint is listening on (\S+)$/)
      expect(await fetchMetrics(address)).toContain('promhttp_metric_handler_errors_total{cause="encoding"} 0')
      await expect(fetchMetrics(address, pemOf(certificate('client')), '/other')).rejects.toThrow('404')
      const { ca } = pemOf(certificate('client'))
      await expect(fetchMetrics(address, { ca, cert: '', key: '' })).rejects.toThrow()
      const stranger = issue(newAuthority({ commonName: 'another CA' }), { commonName: 'client', names: ['client'] })
      await expect(fetchMetrics(address, { ca, ...stranger })).rejects.toThrow()
      await expect(plainGet(`http://${address}/metrics`)).rejects.toThrow()
    })

  if (withPage)
    test('M3: shows the process and profiles only with DEBUG_METRICS; USE_RFC3339 turns the stamps into UTC', async () => {
      const quiet = await startRole(name, { ...env(), DEBUG_METRICS: 'yes', USE_RFC3339: 'yes' })
      expect((await quiet.metrics()).types.has('process_cpu_seconds_total')).toBe(false)
      expect(quiet.stamps.every((stamp) => /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d$/.test(stamp))).toBe(true)
      expect(quiet.lines.some((line) => line.includes('pprof'))).toBe(false)
      const role = await startRole(name, { ...env(), DEBUG_METRICS: '1', PPROF_PORT: '0', USE_RFC3339: 'true' })
      expect(role.stamps.every((stamp) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/.test(stamp))).toBe(true)
      const page = await role.metrics()
      expect(page.get('process_resident_memory_bytes')).toBeGreaterThan(1e6)
      expect(page.get('process_cpu_seconds_total')).toBeGreaterThan(0)
      const pprof = await role.address(/^Starting pprof server on: (\S+)$/)
      expect(await plainGet(`http://${pprof}/debug/pprof/`)).toBe(200)
    })
})

test('N10: a tag without a value is an error of the configuration that shows how to write it', async () => {
  const role = await startRole(
    'forwarder-agent',
    { ...forwarderEnv(), AGENT_TAGS: 'deployment:cf,a' },
    { starting: true },
  )
  expect((await role.ended).code).toBe(78)
  expect(role.lines.join('\n')).toMatch(/processors\.envelope_tags\.tags[\s\S]*\ba\b/)
})

test.each([
  ['AGENT_PORT', 'x'],
  ['AGENT_PORT', '70000'],
  ['OTEL_RETRY_MAX_RETRIES', 'many'],
])('a variable that does not read as it must is an error of the configuration: %s=%s', async (variable, value) => {
  const role = await startRole('forwarder-agent', { ...forwarderEnv(), [variable]: value }, { starting: true })
  expect((await role.ended).code).toBe(78)
  expect(role.lines.join('\n')).toContain(value)
})

test.each(['TLS_RSA_WITH_RC4_128_SHA,nonsense'])(
  'no cipher suite left of AGENT_CIPHER_SUITES=%s ends the start in the words of the original',
  async (suites) => {
    const env = { ...forwarderEnv(), AGENT_CIPHER_SUITES: suites }
    const role: Role = await startRole('forwarder-agent', env, { starting: true })
    expect((await role.ended).code).toBe(1)
    expect(role.lines.join('\n')).toContain('no valid ciphers provided for TLS configuration')
  },
)

async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as { port: number }).port
}

const plainGet = (url: string) =>
  new Promise<number>((resolve, reject) => {
    get(url, (response) => {
      response.resume()
      resolve(response.statusCode!)
    }).on('error', reject)
  })
