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
])('%s', async (_name, text, expected) => expect(await said(text)).toContain(expected))

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
