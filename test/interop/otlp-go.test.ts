import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { certificate } from '../support/certificates.ts'
import { counter, ingressClient, log } from '../support/client.ts'
import { forwarderEnv } from '../support/environments.ts'
import { startRole, until } from '../support/role.ts'
import { goProgram } from './go-program.ts'

// The forwarder agent in front of a receiver made of OTLP's reference code in Go: TLS 1.3, client certificate demanded.

const program = goProgram('go-otlp')

test.skipIf(program.missing)(
  'a receiver of OTLP reference code reads every signal of the forwarder agent',
  async () => {
    const { ca, cert, key } = certificate('otel-collector')
    const child = spawn(program.path!, [ca, cert, key], { stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => void child.kill())
    const got: unknown[] = []
    const lines = createInterface({ input: child.stdout })
    lines.on('line', (line) => void got.push(JSON.parse(line)))
    await once(lines, 'line')
    const port = Number(String(got.shift()).split(':')[1])
    const env = forwarderEnv([{ port, protocol: 'otelcol' }])
    const on = {
      EMIT_OTEL_LOGS: 'true',
      EMIT_OTEL_METRICS: 'true',
      EMIT_OTEL_TRACES: 'true',
      AGENT_TAGS: 'deployment:cf',
    }
    const role = await startRole('forwarder-agent', { ...env, ...on })
    const ids = { span_id: 'deadbeefdeadbeef', trace_id: 'beefdeadbeefdeadbeefdeadbeefdead', peer_type: 'Server' }
    await ingressClient(await role.grpc()).send([
      log('ünïcode line'),
      counter('hits', { delta: 3n }),
      { timestamp: 1n, source_id: 'app', gauge: { metrics: { cpu: { unit: 'percentage', value: 0.5 } } } },
      { timestamp: 1n, source_id: 'app', timer: { name: 'http', start: 1n, stop: 2n }, tags: ids },
      { timestamp: 1n, source_id: 'app', event: { title: 'title', body: 'body' } },
    ])
    await until('five records', () => got.length === 5)
    const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } })
    const attributes = expect.arrayContaining([attribute('source_id', 'app'), attribute('deployment', 'cf')])
    expect(got).toEqual(
      expect.arrayContaining([
        {
          log: expect.objectContaining({
            body: { stringValue: 'ünïcode line' },
            severityNumber: 'SEVERITY_NUMBER_INFO',
            attributes,
          }),
        },
        {
          metric: {
            name: 'hits',
            sum: {
              aggregationTemporality: 'AGGREGATION_TEMPORALITY_CUMULATIVE',
              isMonotonic: true,
              dataPoints: [{ asInt: '3', timeUnixNano: '1', attributes }],
            },
          },
        },
        {
          metric: {
            name: 'cpu',
            unit: 'percentage',
            gauge: { dataPoints: [{ asDouble: 0.5, timeUnixNano: '1', attributes }] },
          },
        },
        {
          span: expect.objectContaining({ name: 'http', kind: 'SPAN_KIND_SERVER', spanId: '3q2+796tvu8=', attributes }),
        },
        {
          log: expect.objectContaining({
            body: { kvlistValue: { values: [attribute('title', 'title'), attribute('body', 'body')] } },
          }),
        },
      ]),
    )
  },
)
