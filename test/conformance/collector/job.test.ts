import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readConfiguration } from '../../../src/cli/configuration.ts'
import { root, runTailrace } from '../../repository/process.ts'
import { certificate } from '../../support/certificates.ts'
import { newFolder } from '../../support/folder.ts'

// The Collector's table, part 6: what Cloud Foundry's job makes of an operator's file. Here the role is a file of its own, and
// the operator's is merged over it.

/** The pipelines of the role with this file of an operator, `receivers -> exporters`. */
async function pipelines(operator: string) {
  const { ca, cert, key } = certificate('otel-collector')
  const names = { INGRESS_CA_FILE_PATH: ca, INGRESS_CERT_FILE_PATH: cert, INGRESS_KEY_FILE_PATH: key }
  Object.assign(process.env, names)
  try {
    const file = `${newFolder({ 'operator.yaml': operator })}/operator.yaml`
    const { plan, problems } = await readConfiguration([join(root, 'config/otel-collector.yaml'), file], [])
    expect(problems).toEqual([])
    return Object.fromEntries(plan!.pipelines.map(({ id, receivers, exporters }) => [id, [...receivers, ...exporters]]))
  } finally {
    for (const name of Object.keys(names)) delete process.env[name]
  }
}

test.each(['otlp', 'otlp_grpc'])('the exporter %s: signals without a pipeline end in nop', async (name) => {
  const operator = `exporters: {${name}: {endpoint: "backend:4317"}}
service: {pipelines: {metrics: {exporters: [${name}]}}}
`
  const ingress = 'otlp/cf-internal-local'
  expect(await pipelines(operator)).toEqual({
    logs: [ingress, 'nop'],
    metrics: [ingress, name],
    traces: [ingress, 'nop'],
  })
})

test('the old name is known to whoever moves a file here', async () => {
  const file = 'exporters: {otlp: {endpoint: "backend:4317"}}\nreceivers: {otlp: {protocols: {grpc: }}}\n'
  const whole = `${file}service: {pipelines: {metrics: {receivers: [otlp], exporters: [otlp]}}}\n`
  const run = runTailrace(['migrate', `${newFolder({ 'otel.yaml': whole })}/otel.yaml`])
  expect([await run.done, run.stdout()]).toEqual([0, whole])
})

test('a receiver of the operator that no pipeline names is not started', async () => {
  const operator = `receivers: {hostmetrics: {scrapers: {cpu: }}}
exporters: {otlp_grpc: {endpoint: "backend:4317"}}
service: {pipelines: {metrics: {exporters: [otlp_grpc]}}}
`
  expect((await pipelines(operator)).metrics).toEqual(['otlp/cf-internal-local', 'otlp_grpc'])
})
