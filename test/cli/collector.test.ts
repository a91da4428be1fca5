// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are what is tested
import { get } from 'node:http'
import { createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { runTailrace } from '../repository/process.ts'
import { decodeOtlpMetrics, type Message } from '../support/decode.ts'
import { newFolder } from '../support/folder.ts'
import { freePort } from '../support/free-port.ts'
import { startCollectorSink } from '../support/sinks.ts'

// A Collector's command line and what it serves beside the data path.

const pipelines = 'service: {pipelines: {logs: {receivers: [statsd], exporters: [debug]}}}\n'
const base = `receivers: {statsd: {endpoint: "127.0.0.1:0"}}
exporters: {debug: }
service:
  pipelines: {metrics: {receivers: [statsd], exporters: [debug]}}
`

/** Ends a command, answers its code and what it wrote. */
async function ended(args: readonly string[], env: Record<string, string> = {}) {
  const run = runTailrace(args, { env: { ...process.env, ...env } })
  return { code: await run.done, out: run.stdout(), err: run.stderr() }
}

function fetchText(url: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode!, text }))
    }).on('error', reject)
  })
}

test('a Collector is run without a command: locations, settings wherever they stand, gates', async () => {
  const folder = newFolder({ 'a.yaml': base })
  const [pages, health, zpages] = [await freePort(), await freePort(), await freePort()]
  const agent = runTailrace(
    [
      '--set',
      'extensions.health_check.endpoint=127.0.0.1:1',
      '--config',
      `file:${folder}/a.yaml`,
      '--config=env:MORE',
      `--config=yaml:service::telemetry::metrics: {level: normal, readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: ${pages}}}}}]}`,
      `--set=extensions.health_check.endpoint=127.0.0.1:${health}`,
      '--feature-gates',
      '+otelcol.printInitialConfig,-confmap.enableMergeAppendOption',
    ],
    {
      env: {
        ...process.env,
        MORE: `extensions: {health_check: , zpages: {endpoint: "127.0.0.1:${zpages}"}}\nservice: {extensions: [health_check, zpages]}`,
      },
    },
  )
  onTestFinished(() => void agent.child.kill('SIGKILL'))
  await agent.until(/ready: everything is running/)
  expect(agent.stderr()).toContain('no such feature gate "otelcol.printInitialConfig". valid gates: [')
  expect(await fetchText(`http://127.0.0.1:${health}/`)).toMatchObject({
    status: 200,
    text: expect.stringContaining('"status":"Server available"'),
  })
  const { text } = await fetchText(`http://127.0.0.1:${pages}/metrics`)
  expect(text).toMatch(/^otelcol_receiver_accepted_\w+\{receiver="statsd",transport="udp",service_name="tailrace"/m)
  expect(text).toMatch(/^otelcol_process_uptime\{/m)
  const status = JSON.parse((await fetchText(`http://127.0.0.1:${zpages}/debug/servicez?format=json`)).text)
  expect(status.service.ready).toBe(true)
  expect(status.components).toContainEqual(
    expect.objectContaining({ kind: 'receiver', id: 'statsd', required: true, state: 'ok' }),
  )
  expect(await agent.end()).toBe(0)
})

test('without readers written nothing is served', async () => {
  const folder = newFolder({ 'a.yaml': base })
  const agent = runTailrace([`--config=${folder}/a.yaml`])
  onTestFinished(() => void agent.child.kill('SIGKILL'))
  await agent.until(/ready: everything is running/)
  expect(agent.stderr()).not.toContain('Serving metrics')
  expect(await agent.end()).toBe(0)
})

test('a page whose port is taken ends the start with a sentence', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as { port: number }
  const folder = newFolder({ 'a.yaml': base })
  const set = `service.telemetry.metrics.readers=[{pull: {exporter: {prometheus: {host: 127.0.0.1, port: ${port}}}}}]`
  const { code, err } = await ended([`--config=${folder}/a.yaml`, '--set', set])
  expect(code).toBe(1)
  expect(err).toMatch(/cannot serve service\.telemetry\.metrics: 127\.0\.0\.1:\d+ is in use/)
})

test('validate takes the same flags, before or after it', async () => {
  const folder = newFolder({ 'a.yaml': base })
  const config = `--config=file:${folder}/a.yaml`
  expect(await ended(['validate', config]), 'silent, as the Collector').toEqual({ code: 0, out: '', err: '' })
  const gated = await ended([config, 'validate', '--feature-gates=none.such'])
  expect([gated.code, gated.err]).toEqual([0, expect.stringContaining('no such feature gate "none.such"')])
  expect((await ended(['validate', config, '--set', 'receivers.statsd.endpoint=8125'])).code).toBe(78)
  const { code, err } = await ended(['validate', config, '--feature-gates', 'a,,b'])
  expect([code, err]).toEqual([2, expect.stringContaining('empty feature gate identifier at index 1')])
  expect((await ended(['validate', config, '--set', 'foo'])).err).toContain('missing equal sign')
})

test('lists are appended with the gate of the Collector', async () => {
  const folder = newFolder({
    'a.yaml': `${base}  extensions: [zpages]\nextensions: {zpages: , health_check: }\n`,
    'b.yaml': 'service: {extensions: [health_check]}\n',
  })
  const print = async (...gates: string[]) => {
    const args = ['print-config', `--config=${folder}/a.yaml`, `--config=${folder}/b.yaml`, '--format=json', ...gates]
    return JSON.parse((await ended(args)).out).service.extensions
  }
  expect(await print()).toEqual(['health_check'])
  expect(await print('--feature-gates=confmap.enableMergeAppendOption')).toEqual(['zpages', 'health_check'])
})

test('print-config prints what came of merging and substitution, secrets masked', async () => {
  const folder = newFolder({
    'a.yaml': base.replace('{debug: }', '\n  debug:\n  otlp: {endpoint: "h:4317", headers: {key: "${env:KEY}"}}'),
  })
  const args = ['print-config', `--config=${folder}/a.yaml`]
  const { code, out } = await ended(args, { KEY: 'topsecret' })
  expect(code).toBe(0)
  expect(out).toContain('      key: "[REDACTED]"\n')
  expect(out).not.toContain('topsecret')
  expect((await ended([...args, '--mode', 'unredacted'], { KEY: 'topsecret' })).out).toContain('key: topsecret')
  expect((await ended([...args, '--mode=Unredacted', '--format=JSON'], { KEY: 'k' })).out).toContain('"key": "k"')
  expect((await ended([...args, '--mode', 'x'])).err).toContain('invalid mode "x": modes are: redacted, unredacted')
  expect((await ended([...args, '--format', 'toml'])).err).toContain('unrecognized print format: toml')
  const wrong = newFolder({ 'b.yaml': pipelines })
  expect((await ended(['print-initial-config', `--config=${wrong}/b.yaml`])).code).toBe(78)
  const printed = await ended(['print-initial-config', `--config=${wrong}/b.yaml`, '--validate=false'])
  expect([printed.code, printed.out]).toEqual([0, expect.stringContaining('receivers:\n')])
  // What cannot be replaced is not printed as nothing.
  const unreplaced = await ended([
    'print-config',
    '--config=yaml:exporters::otlp::endpoint: ${nope:x}',
    '--validate=false',
  ])
  expect([unreplaced.code, unreplaced.out]).toEqual([78, ''])
})

test('a component of the Collector that is not here: what to use instead', async () => {
  const folder = newFolder({ 'a.yaml': base.replace('{debug: }', '{debug: , kafka: {brokers: [a]}}') })
  const { code, err } = await ended(['validate', `--config=${folder}/a.yaml`])
  expect(code).toBe(78)
  expect(err).toContain('unknown type: "kafka" for id: "kafka" (valid values: [')
  expect(err).toContain('tailrace speaks no Kafka: keep a Collector between the two and reach it by otlp')
})

test('logs go where output_paths says, with the fields and encoding that are written', async () => {
  const folder = newFolder({
    'a.yaml': `${base}  telemetry: {logs: {level: WARN, encoding: json, output_paths: [stdout], initial_fields: {team: a}}}\n`,
  })
  const agent = runTailrace([`--config=${folder}/a.yaml`, '--feature-gates=none.such'])
  onTestFinished(() => void agent.child.kill('SIGKILL'))
  await agent.until(/no such feature gate/)
  expect(JSON.parse(agent.stdout().split('\n')[0]!)).toMatchObject({ level: 'warn', team: 'a' })
  expect(agent.stderr()).toBe('')
})

/** A log request of so many bytes, about. */
const logs = (bytes: number) =>
  JSON.stringify({
    resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'x'.repeat(bytes) } }] }] }],
  })

const post = (port: number, body: string) =>
  fetch(`http://127.0.0.1:${port}/v1/logs`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })

/** An agent whose exporter has nobody to send to. */
async function behind(exporter: string, processors = '', metrics = '') {
  const [http, pages] = [await freePort(), await freePort()]
  const names = processors === '' ? '' : `, processors: [${processors.split(':')[0]}]`
  const folder = newFolder({
    'a.yaml': `receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${http}"}}}}
processors:
  ${processors}
exporters: {otlp: {endpoint: "127.0.0.1:1", tls: {insecure: true}${exporter}}}
service:
  telemetry: {metrics: {${metrics}readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: ${pages}}}}}]}}
  pipelines: {logs: {receivers: [otlp]${names}, exporters: [otlp]}}
`,
  })
  const agent = runTailrace([`--config=${folder}/a.yaml`])
  onTestFinished(() => void agent.child.kill('SIGKILL'))
  await agent.until(/ready: everything is running/)
  const page = async () => (await fetchText(`http://127.0.0.1:${pages}/metrics`)).text
  return { agent, http, page }
}

test('a full queue is 503 for the sender, and counted as enqueue_failed', async () => {
  const { http, page } = await behind(', sending_queue: {queue_size: 2}')
  const answers = [await post(http, logs(10)), await post(http, logs(10)), await post(http, logs(10))]
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 503])
  expect(await answers[2]!.text()).toContain('sending queue is full')
  const text = await page()
  for (const line of [
    /^otelcol_receiver_accepted_log_records\{receiver="otlp",transport="http",.*\} 2$/m,
    /^otelcol_receiver_refused_log_records\{receiver="otlp",transport="http",.*\} 1$/m,
    /^otelcol_exporter_enqueue_failed_log_records\{exporter="otlp",.*\} 1$/m,
    /^otelcol_exporter_queue_size\{exporter="otlp",data_type="logs",.*\} 2$/m,
    /^otelcol_exporter_queue_capacity\{exporter="otlp",data_type="logs",.*\} 2$/m,
  ])
    expect(text).toMatch(line)
})

test('memory_limiter refuses with 503 and the time to come again, before memory is used', async () => {
  const { http, page } = await behind('', 'memory_limiter: {check_interval: 100s, limit_mib: 2}')
  const statuses: number[] = []
  for (let i = 0; i < 10; i++) {
    const answer = await post(http, logs(300_000))
    statuses.push(answer.status)
    if (answer.status === 503) expect(answer.headers.get('retry-after')).toBe('1')
  }
  const taken = statuses.filter((status) => status === 200).length
  // The soft limit is 1.6 MiB, and what is being read is charged too.
  expect(taken).toBeGreaterThan(1)
  expect(taken).toBeLessThan(6)
  expect(statuses.slice(taken)).toEqual(Array.from({ length: 10 - taken }, () => 503))
  expect(await page()).toMatch(
    /^otelcol_processor_memory_limiter_accepted_log_records\{processor="memory_limiter".*\} \d$/m,
  )
})

test('at level detailed: bytes, times and requests on the way, as views want them', async () => {
  const views = `views: [
    {selector: {instrument_name: otelcol_process_*}, stream: {aggregation: {drop: {}}}},
    {selector: {instrument_name: otelcol.receiver.produced.size}, stream: {name: received_bytes, attribute_keys: [otelcol.signal]}}]`
  const attributes = 'attributes: {actions: [{key: team, value: a, action: upsert}]}'
  const { http, page } = await behind('', attributes, `level: detailed, ${views}, `)
  expect((await post(http, logs(1000))).status).toBe(200)
  const text = await page()
  const value = (series: RegExp) => Number(new RegExp(`^${series.source} (\\S+)$`, 'm').exec(text)?.[1])
  const received = value(/received_bytes\{otelcol_signal="logs",.*\}/)
  expect(received).toBeGreaterThan(1000)
  // The processor adds 13 bytes of attribute, and length prefixes grow.
  const sent = value(/otelcol_exporter_consumed_size\{.*otelcol_component_id="otlp",.*\}/)
  expect(sent).toBeGreaterThanOrEqual(received + 13)
  expect(value(/otelcol_exporter_enqueue_size_bytes_sum\{.*\}/)).toBe(sent)
  expect(value(/otelcol_processor_internal_duration_count\{processor="attributes",otel_signal="logs",.*\}/)).toBe(1)
  expect(value(/otelcol_exporter_in_flight_requests\{exporter="otlp",data_type="logs",.*\}/)).toBe(1)
  expect(text).not.toMatch(/^otelcol_(process_|receiver_produced_size)/m)
})

test('what the page shows is what a periodic reader sends', async () => {
  const backend = await startCollectorSink({ plaintext: true })
  const reader = `{periodic: {interval: 100, exporter: {otlp: {protocol: grpc, endpoint: "http://127.0.0.1:${backend.port}"}}}}`
  const folder = newFolder({ 'a.yaml': `${base}  telemetry: {metrics: {readers: [${reader}]}}\n` })
  const agent = runTailrace([`--config=${folder}/a.yaml`])
  onTestFinished(() => void agent.child.kill('SIGKILL'))
  const named = () =>
    decodeOtlpMetrics(backend.received.at(-1)?.bytes ?? Buffer.alloc(0)).resourceMetrics?.[0].scopeMetrics.map(
      ({ scope, metrics }: Message) => [scope.name, metrics.map(({ name }: Message) => name)],
    )
  await backend.until('the graph runs', () => named()?.length > 1)
  const scopes = new Map<string, string[]>(named())
  expect(scopes.get('tailrace')).toContain('tailrace_receiver_records_total')
  expect(scopes.get('go.opentelemetry.io/collector/service')).toContain('otelcol.receiver.produced.items')
  expect(scopes.get('go.opentelemetry.io/collector/exporter/exporterhelper')).toContain(
    'otelcol_exporter_sent_metric_points',
  )
  expect(await agent.end()).toBe(0)
})
