import { createConnection } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { readConfiguration } from '../../../src/cli/configuration.ts'
import { parseId } from '../../../src/config/schema.ts'
import { runTailrace } from '../../repository/process.ts'
import { newFolder } from '../../support/folder.ts'
import { freePort } from '../../support/free-port.ts'

// The Collector's table, part 2: identifiers and what is told of a file before anything starts.

test.each([
  ['otlp', { type: 'otlp', name: '' }],
  ['otlp/a', { type: 'otlp', name: 'a' }],
  [' otlp / a ', { type: 'otlp', name: 'a' }],
  ['', 'id must not be empty'],
  ['/a', 'in "/a" id: the part before / should not be empty'],
  ['otlp/', 'in "otlp/" id: the part after / should not be empty'],
  ['1x', 'invalid character(s) in type "1x"'],
  ['o-x', 'invalid character(s) in type "o-x"'],
])('the id %j', (id, meaning) => expect(parseId(id)).toEqual(meaning))

interface Parts {
  receivers?: string
  processors?: string
  exporters?: string
  connectors?: string
  pipelines: string
}

const valid = { receivers: 'otlp: {protocols: {grpc: }}', processors: 'batch: ', exporters: 'debug: ' }

/** The sentences about a file of these parts. */
async function told(parts: Parts): Promise<string[]> {
  const { receivers, processors, exporters, connectors = '', pipelines } = { ...valid, ...parts }
  const text = `receivers: {${receivers}}
processors: {${processors}}
exporters: {${exporters}}
connectors: {${connectors}}
service: {pipelines: {${pipelines}}}
`
  const { problems } = await readConfiguration([`${newFolder({ 'otel.yaml': text })}/otel.yaml`], [])
  return problems.map(({ path, message }) => `${path}: ${message}`)
}

const logs = 'logs: {receivers: [otlp], exporters: [debug]}'

test.each<[string, Parts, string]>([
  [
    'one id in two spellings',
    { receivers: `${valid.receivers}, "otlp ": {protocols: {grpc: }}`, pipelines: logs },
    'duplicate name "otlp" after unmarshaling receivers',
  ],
  [
    'a pipeline of no signal',
    { pipelines: 'log: {receivers: [otlp], exporters: [debug]}' },
    'unknown pipeline signal: "log"',
  ],
  [
    'a processor twice',
    { pipelines: 'logs: {receivers: [otlp], processors: [batch, batch], exporters: [debug]}' },
    'service::pipelines::logs: references processor "batch" multiple times',
  ],
  [
    'an exporter that is not declared',
    { pipelines: 'logs: {receivers: [otlp], exporters: [x]}' },
    'service::pipelines::logs: references exporter "x" which is not configured',
  ],
  [
    'a connector that is only an exporter',
    { connectors: 'forward: ', pipelines: 'logs: {receivers: [otlp], exporters: [forward]}' },
    'connector "forward" used as exporter in [logs] pipeline but not used in any supported receiver pipeline',
  ],
  [
    'a connector in its own pipeline',
    {
      connectors: 'forward: ',
      pipelines: 'logs: {receivers: [otlp, forward], exporters: [forward, debug]}',
    },
    'cycle detected: connector "forward" (logs to logs) -> connector "forward" (logs to logs)',
  ],
  [
    'a connector that leads from one signal to another, which this one cannot',
    {
      connectors: 'forward: ',
      pipelines: 'logs: {receivers: [otlp], exporters: [forward]}, traces: {receivers: [forward], exporters: [debug]}',
    },
    'connector "forward" used as exporter in [logs] pipeline but not used in any supported receiver pipeline',
  ],
  [
    'a receiver without a protocol',
    { receivers: 'otlp: {protocols: {}}', pipelines: logs },
    'receivers.otlp.protocols: must specify at least one protocol when using the OTLP receiver',
  ],
  [
    'a protocol that nobody knows',
    { receivers: 'otlp: {protocols: {htttp: {}}}', pipelines: logs },
    "'protocols' has invalid keys: htttp",
  ],
  [
    'bad settings of an exporter that nobody uses',
    { exporters: 'debug: , otlp: {endpoint: 5}', pipelines: logs },
    'exporters.otlp.endpoint: ',
  ],
])('%s', async (_, parts, sentence) => {
  expect((await told(parts)).join('\n')).toContain(sentence)
})

test('an exporter that nobody uses is never started', async () => {
  const [port, page] = [await freePort(), await freePort()]
  const file = `receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${port}"}}}}
exporters: {debug: , prometheus: {endpoint: "127.0.0.1:${page}"}}
service: {pipelines: {logs: {receivers: [otlp], exporters: [debug]}}}
`
  const agent = runTailrace(['--config', `${newFolder({ 'otel.yaml': file })}/otel.yaml`])
  onTestFinished(() => void agent.child.kill('SIGKILL'))
  await agent.until(/ready: everything is running/)
  const connects = (to: number) =>
    new Promise<boolean>((resolve) => {
      const socket = createConnection(to, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false))
      onTestFinished(() => void socket.destroy())
    })
  expect([await connects(port), await connects(page)]).toEqual([true, false])
  expect(await agent.end()).toBe(0)
})
