// biome-ignore-all lint/suspicious/noTemplateCurlyInString: texts show references as they are written
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { findingsText, readConfiguration } from './configuration.ts'

const dir = mkdtempSync(join(tmpdir(), 'tailrace-mistakes-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** What `check` and `run` print about a file, without the folder it lies in. */
async function said(text: string): Promise<string> {
  const file = join(dir, 'agent.yaml')
  writeFileSync(file, text)
  return findingsText(await readConfiguration([file], [])).replaceAll(`${dir}/`, '')
}

const around = (receiver: string, processors = '', exporter = 'debug:') => `receivers:
  ${receiver}
processors:
  ${processors}
exporters:
  ${exporter}
service:
  pipelines:
    envelopes:
      receivers: [${receiver.split(':')[0]}]
      processors: [${processors.split(':')[0]}]
      exporters: [${exporter.split(':')[0]}]
`

test.each<[string, string, string]>([
  [
    'a component that is not there',
    around('loggregatr:'),
    `agent.yaml:2:3  receivers.loggregatr  TR_CONFIG_COMPONENT
  unknown type: "loggregatr" for id: "loggregatr" (valid values: [`,
  ],
  ['its nearest name', around('loggregatr:'), '  did you mean "loggregator"?\n'],
  [
    'a tab',
    'receivers:\n  statsd:\n\tendpoint: 127.0.0.1:8125\n',
    `agent.yaml:3:1  TR_CONFIG_YAML
  not valid YAML: Tabs are not allowed as indentation
  3 |  endpoint: 127.0.0.1:8125
    | ^
  indent with spaces, never with tabs
`,
  ],
  [
    'a variable that is not set: the cause is named, not its consequence, and once',
    around('statsd: {endpoint: "127.0.0.1:${env:TAILRACE_TEST_NOT_SET}"}'),
    `agent.yaml:2:22  receivers.statsd.endpoint  TR_CONFIG_TYPE
  expected host:port, got "127.0.0.1:"
  2 |   statsd: {endpoint: "127.0.0.1:\${env:TAILRACE_TEST_NOT_SET}"}
    |                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  TAILRACE_TEST_NOT_SET is not set: set it, or write \${env:TAILRACE_TEST_NOT_SET:-default}
`,
  ],
  [
    'a duration without a unit',
    around('statsd:', '', 'loggregator: {endpoint: "127.0.0.1:3458", linger: 5}'),
    '  missing unit in duration 5\n',
  ],
  [
    'a duration as people say it',
    around('statsd:', '', 'loggregator: {endpoint: "127.0.0.1:3458", linger: 5 seconds}'),
    `  unknown unit " seconds" in duration "5 seconds"
  6 |   loggregator: {endpoint: "127.0.0.1:3458", linger: 5 seconds}
    |                                                     ^^^^^^^^^
  write a number with a unit, such as "100ms", "15s", "1m30s" or "1.5h"
`,
  ],
  [
    'a pipeline without an exporter',
    'receivers: {statsd: {}}\nexporters: {debug: {}}\nservice: {pipelines: {logs: {receivers: [statsd]}}}\n',
    `agent.yaml:3:23  service.pipelines.logs  TR_CONFIG_PIPELINE
  service::pipelines::logs: must have at least one exporter
  3 | service: {pipelines: {logs: {receivers: [statsd]}}}
    |                       ^^^^
  write exporters: [debug]
`,
  ],
  [
    'an option of a processor',
    around('statsd:', 'filter: {drops: []}'),
    `agent.yaml:4:12  processors.filter.drops  TR_CONFIG_KEY
  unknown key "drops"
  4 |   filter: {drops: []}
    |            ^^^^^
  did you mean "drop"?
`,
  ],
  [
    'a variable without braces: the cause is named',
    around('statsd: {endpoint: $HOST_AND_PORT}'),
    `expected host:port, got "$HOST_AND_PORT"
  2 |   statsd: {endpoint: $HOST_AND_PORT}
    |                      ^^^^^^^^^^^^^^
  a $NAME without braces is taken as text, not as a variable: write \${env:NAME} for the variable, $$NAME for the text
`,
  ],
  [
    'a variable that is not closed',
    around('statsd: {endpoint: "${env:HOST:8125"}'),
    '  "${" is taken as text: no "}" follows: close it, or write $${ for the text\n',
  ],
  [
    'a key one block too high',
    around('statsd:', '', 'loggregator: {endpoint: "127.0.0.1:1", ca_file: /a}'),
    '  it belongs into a block: did you mean "tls.ca_file"?\n',
  ],
  [
    'a pipeline beside the pipelines',
    'receivers: {statsd: {}}\nexporters: {debug: {}}\nservice: {logs: {receivers: [statsd], exporters: [debug]}}\n',
    '  it belongs into a block: did you mean "pipelines.logs"?\n',
  ],
  [
    'settings of the telemetry beside it',
    `${around('statsd:')}  logs: {level: INFO}\n`,
    '  it belongs into a block: did you mean "telemetry.logs"?\n',
  ],
  [
    'a ConfigMap',
    'kind: ConfigMap\ndata:\n  otel.yaml: |\n    receivers:\n      statsd:\n',
    `agent.yaml:1:1  TR_CONFIG_EMPTY
  not a configuration: it seems to stand below data.otel.yaml
  write what stands below data.otel.yaml into a file of its own
`,
  ],
  [
    "an operator's resource",
    'kind: OpenTelemetryCollector\nspec: {config: {exporters: {debug: {}}, service: {pipelines: {}}}}\n',
    '  not a configuration: it seems to stand below spec.config\n',
  ],
  [
    'a template without quotes',
    'exporters: {otlp: {headers: [{{ .vendor.secret }}]}}\n',
    '  put quotes around the whole value, if this is a template: "{{ .name.secret }}"\n',
  ],
  ['no text at all', 'a: \0\0\n', '  not a text: it holds a null byte\n'],
  [
    'a key twice: where it stands again',
    'receivers:\n  statsd:\n  statsd:\n',
    `agent.yaml:3:3  TR_CONFIG_YAML
  this key stands twice in one map
  3 |   statsd:
    |   ^^^^^^
`,
  ],
  [
    'a quote that nothing closes: where it opens',
    'receivers:\n  statsd: {endpoint: "a:1}\nexporters:\n',
    `agent.yaml:2:22  TR_CONFIG_YAML
  not valid YAML: Missing closing "quote
`,
  ],
  ['a bracket that nothing closes', 'a:\n  b: [c\n  d: e\n', '  there is no closing ]\n'],
  ['a colon that is missing', 'receivers:\n  statsd\n  dropsonde:\n', '  a key without a colon\n'],
  [
    'a blank that is missing behind a colon',
    around('otlp: {protocols: {grpc: "endpoint:0.0.0.0:4317"}}'),
    '  write a blank behind the colon\n',
  ],
  ['an alias of nothing', 'receivers: *all\n', '  unknown alias *all\n'],
  ['brackets without end', `a: ${'['.repeat(20_000)}`, '  nested too deeply\n'],
  [
    'curly quotes',
    around('statsd: {endpoint: \u201ca:1\u201d}'),
    '  curly quotes are part of the text: write " or none\n',
  ],
  [
    'a blank that is none',
    `${around('statsd:')}\u00a0x: 1\n`,
    '  there is a blank in it that is no space: type it anew\n',
  ],
  [
    'one port for two protocols',
    around('otlp: {protocols: {grpc: {endpoint: "a:1"}, http: {endpoint: "a:1"}}}'),
    '  receivers.otlp wants tcp a:1 twice\n',
  ],
])('%s', async (_name, text, expected) => expect(await said(text)).toContain(expected))

test.each([
  ['a misspelt type', 'receivers: {statsd: }\nexporters: {debgu: }\n', 1],
  ['a section that is no map', 'receivers: [statsd]\nexporters: {debug: }\n', 1],
  ['tabs', 'receivers:\n\tstatsd:\n\t\tendpoint: a:1\n', 2],
])('%s: what follows from it is not told', async (_name, text, problems) => {
  const service = 'service: {pipelines: {metrics: {receivers: [statsd], exporters: [debug]}}}\n'
  expect([...(await said(text + service)).matchAll(/^agent\.yaml:/gm)]).toHaveLength(problems)
})

test.each([
  ['TRUE', true],
  ['yes', true],
  ['true', false],
  ['1', false],
  ['False', false],
  ['', false],
])('a flag from a variable that holds %j is doubtful: %s', async (text, doubtful) => {
  process.env.TAILRACE_TEST_FLAG = text
  const exporter = 'loggregator: {endpoint: "127.0.0.1:1", tls: {insecure: "${env:TAILRACE_TEST_FLAG}"}}'
  const found = await said(around('statsd:', '', exporter))
  delete process.env.TAILRACE_TEST_FLAG
  const expected =
    /^warning: agent\.yaml:6:\d+ {2}exporters\.loggregator\.tls\.insecure {2}TR_CONFIG_VALUE\n {2}the variable TAILRACE_TEST_FLAG is read as false: true and 1 alone are true$/m
  expect(expected.test(found)).toBe(doubtful)
})

test('a file that is not there, and a folder', async () => {
  const about = async (file: string) => findingsText(await readConfiguration([file], []))
  expect(await about('no-such-agent.yaml')).toBe(
    `no-such-agent.yaml:1:1  TR_CONFIG_READ
  unable to read the file no-such-agent.yaml: there is no such file
  it is looked for in ${process.cwd()}
`,
  )
  expect(await about(dir)).toContain(`unable to read the file ${dir}: it is a folder\n`)
})

test('a file that may not be read', async () => {
  const { readFailure } = await import('../config/read-failure.ts')
  const error = Object.assign(new Error('EACCES: permission denied, open'), { code: 'EACCES' })
  expect(readFailure('agent.yaml', error)).toEqual([
    'unable to read the file agent.yaml: permission denied',
    expect.stringMatching(/^tailrace runs as the user with the number \d+: let that one read it$/),
  ])
})
