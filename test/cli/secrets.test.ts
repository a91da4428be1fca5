import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { issue, newAuthority } from '../../src/runtime/certs.ts'
import { runTailrace } from '../repository/process.ts'
import { newFolder } from '../support/folder.ts'
import { freePort } from '../support/free-port.ts'
import { startProcess, until } from '../support/role.ts'

// Wherever a configuration may hold a secret there is one here, and nothing that the agent ever says shows any of them.

/** A word of its own for each place, so that a test that fails says which. */
const word = (place: string) => `HUSH_${place.toUpperCase()}_9F2C`
/** Looks like a variable of old Collectors, of which files are warned. */
const hidden = (place: string) => `$${word(place)}`
const places = [
  'header',
  'httpheader',
  'urlpassword',
  'proxypassword',
  'basic',
  'htpasswd',
  'token',
  'othertoken',
  'answer',
  'trace',
  'scrape',
  'credentials',
  'hmac',
  'remotewrite',
  'argument',
]

const keys = issue(newAuthority({ commonName: 'ca' }), { commonName: 'x', names: ['localhost'] })
const indented = (text: string, by: number) => text.trim().replace(/^/gm, ' '.repeat(by))
/** A line of the key in the middle. */
const keyLine = keys.key.split('\n')[2]!

interface Ports {
  http: number
  page: number
  health: number
  zpages: number
  pprof: number
  backend: number
}

const file = (ports: Ports) => `
receivers:
  otlp:
    protocols:
      http:
        endpoint: 127.0.0.1:${ports.http}
        auth: {authenticator: bearertokenauth}
        response_headers: {x-answer: ${hidden('answer')}}
  prometheus:
    config:
      scrape_configs:
        - job_name: a
          scrape_interval: 1s
          basic_auth: {username: u, password: ${hidden('scrape')}}
          static_configs: [{targets: ["127.0.0.1:${ports.backend}"]}]
        - job_name: b
          scrape_interval: 1s
          authorization: {credentials: ${hidden('credentials')}}
          static_configs: [{targets: ["127.0.0.1:${ports.backend}"]}]
processors:
  redaction: {allow_all_keys: true, blocked_values: ["4[0-9]{12}"], hash_function: hmac-sha256, hmac_key: ${hidden('hmac')}}
exporters:
  otlp:
    endpoint: 127.0.0.1:${ports.backend}
    headers: {authorization: "Bearer ${hidden('header')}"}
    retry_on_failure: {enabled: false}
    tls:
      cert_pem: |
${indented(keys.cert, 8)}
      key_pem: |
${indented(keys.key, 8)}
  otlphttp:
    endpoint: http://user:${hidden('urlpassword')}@127.0.0.1:${ports.backend}
    headers: {x-api-key: "\${env:FROM_OUTSIDE}"}
    auth: {authenticator: basicauth}
    retry_on_failure: {initial_interval: 10ms, max_interval: 50ms}
  otlphttp/proxied:
    endpoint: http://collector.invalid:4318
    proxy_url: http://me:${hidden('proxypassword')}@127.0.0.1:${ports.backend}
    retry_on_failure: {enabled: false}
  prometheusremotewrite:
    endpoint: http://127.0.0.1:${ports.backend}/write
    headers: {x-scope: ${hidden('remotewrite')}}
extensions:
  basicauth: {client_auth: {username: u, password: ${hidden('basic')}}}
  basicauth/server: {htpasswd: {inline: "u:${hidden('htpasswd')}"}}
  bearertokenauth: {tokens: [${hidden('token')}, ${hidden('othertoken')}]}
  metrics_endpoint: {endpoint: 127.0.0.1:${ports.page}}
  health_check: {endpoint: 127.0.0.1:${ports.health}}
  zpages: {endpoint: 127.0.0.1:${ports.zpages}}
  pprof: {endpoint: 127.0.0.1:${ports.pprof}}
service:
  extensions: [basicauth, basicauth/server, bearertokenauth, metrics_endpoint, health_check, zpages, pprof]
  telemetry:
    logs: {level: debug}
    traces:
      processors:
        - simple: {exporter: {otlp: {protocol: http/protobuf, endpoint: "http://127.0.0.1:${ports.backend}", headers: {x: ${hidden('trace')}}}}}
  pipelines:
    logs: {receivers: [otlp], processors: [redaction], exporters: [otlp, otlphttp, otlphttp/proxied]}
    metrics: {receivers: [prometheus], exporters: [prometheusremotewrite]}
`

const shown = (what: string, text: string) =>
  [...places.map(word), keyLine].filter((each) => text.includes(each)).map((each) => `${what}: ${each}`)

/** Says no in two ways, and where else to go. */
async function startBackend(): Promise<{ port: number; asked: () => number }> {
  let asked = 0
  const server = createServer((incoming, response) => {
    asked++
    incoming.resume()
    response
      .writeHead(asked % 2 === 0 ? 401 : 503, { 'content-type': 'text/html', location: 'http://other.invalid/' })
      .end('no')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, asked: () => asked }
}

const env = { FROM_OUTSIDE: hidden('httpheader') }

async function ended(args: readonly string[], runtime: string): Promise<string> {
  const run = runTailrace(args, {
    env: { PATH: process.env.PATH ?? '', TAILRACE_ADMIN: join(runtime, 'tailrace'), ...env },
  })
  await run.done
  return run.stdout() + run.stderr()
}

function ask(port: number, path: string, headers = {}, method = 'GET', body = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve(text))
    })
    call.on('error', reject)
    call.end(body)
  })
}

const log = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'hello' } }] }] }] })

test('nothing that the agent says shows a secret of its configuration', async () => {
  const { port: backend, asked } = await startBackend()
  const [http, page, health, zpages, pprof] = await Promise.all([1, 2, 3, 4, 5].map(() => freePort()))
  const ports = { http, page, health, zpages, pprof, backend } as Ports
  const runtime = newFolder()
  const folder = newFolder({ 'a.yaml': file(ports) })
  const args = [`--config=${folder}/a.yaml`, '--set', `exporters.otlphttp.headers.more=${hidden('argument')}`]
  const agent = startProcess(['run', ...args], { XDG_RUNTIME_DIR: runtime, ...env })
  await agent.line(/^ready: everything is running/)
  const json = { 'content-type': 'application/json' }
  for (const token of [hidden('token'), hidden('othertoken'), 'wrong']) {
    await ask(ports.http, '/v1/logs', { ...json, authorization: `Bearer ${token}` }, 'POST', log)
  }
  await until('the backend was asked by all', () => asked() > 10)
  const texts: [what: string, text: string][] = [['metrics', await ask(ports.page, '/metrics')]]
  texts.push(['health', await ask(ports.health, '/status?verbose')])
  for (const path of ['servicez', 'pipelinez', 'extensionz', 'featurez', 'tracez']) {
    texts.push([path, await ask(ports.zpages, `/debug/${path}`)])
  }
  for (const path of ['report', 'profile?seconds=1', 'allocs?seconds=1']) {
    texts.push([path, await ask(ports.pprof, `/debug/pprof/${path}`)])
  }
  for (const command of [['status'], ['status', '--json'], ['why'], ['why', '--json'], ['top', '--json']]) {
    texts.push([command.join(' '), await ended(command, runtime)])
  }
  const formats = [[], ['--format', 'json']]
  for (const format of formats) texts.push(['print-config', await ended(['print-config', ...args, ...format], runtime)])
  await agent.stop()
  texts.push(['log', agent.lines.join('\n')])
  for (const [what, text] of texts) expect([what, text.length > 0]).toEqual([what, true])
  expect(texts.flatMap(([what, text]) => shown(what, text))).toEqual([])
})

test.each([
  ['a URL that is none', 'exporters::otlphttp::endpoint', `"http://user:${hidden('urlpassword')}@host:99999"`],
  ['a proxy that is none', 'exporters::otlphttp::proxy_url', `"ftp://me:${hidden('proxypassword')}@host"`],
  ['a list for a header', 'exporters::otlp::headers', `{authorization: [${hidden('header')}]}`],
  ['a key that is none', 'exporters::otlp::tls::key_pem', hidden('token')],
  ['lines that are none', 'extensions::basicauth/server::htpasswd::inline', hidden('htpasswd')],
  ['a map for a password', 'extensions::basicauth::client_auth::password', `{a: ${hidden('basic')}}`],
  ['a map for a token', 'extensions::bearertokenauth::tokens', `{a: ${hidden('token')}}`],
  [
    'an unknown key beside secrets',
    'exporters::otlp',
    `{bogus: 1, headers: {x: ${hidden('header')}}, endpoint: "h:1"}`,
  ],
])('%s is complained of without being shown', async (_what, path, value) => {
  const folder = newFolder({ 'a.yaml': file({ http: 1, page: 2, health: 3, zpages: 4, pprof: 5, backend: 6 }) })
  const args = [`--config=${folder}/a.yaml`, `--config=yaml:${path}: ${value}`]
  // Some faults show only when it is started.
  const said = [await ended(['validate', ...args], folder), await ended(['run', ...args], folder)]
  expect(said[1]).not.toBe('')
  expect(said.flatMap((text) => shown('said', text))).toEqual([])
})
