import { expect, test } from 'vitest'
import { startCollectorFile } from '../support/collector-file.ts'
import { until } from '../support/role.ts'
import { startCollectorSink } from '../support/sinks.ts'

// The file of somebody who runs the OpenTelemetry Collector today, unchanged: three signals, memory_limiter, batch,
// attributes, filter, OTLP out, a page for Prometheus.

const attributes = (values: Record<string, string>) =>
  Object.entries(values).map(([key, stringValue]) => ({ key, value: { stringValue } }))
const resource = { attributes: attributes({ 'service.name': 'till' }) }
const timeUnixNano = '1700000000000000000'

const requests = {
  traces: {
    resourceSpans: [
      {
        resource,
        scopeSpans: [
          {
            spans: [
              ['GET /healthz', '/healthz'],
              ['GET /cart', '/cart'],
            ].map(([name, route], i) => ({
              traceId: '0102030405060708090a0b0c0d0e0f10',
              spanId: `010203040506070${i}`,
              name,
              startTimeUnixNano: timeUnixNano,
              endTimeUnixNano: timeUnixNano,
              attributes: attributes({ 'http.route': route!, password: 'hunter2', 'net.peer.name': 'phone' }),
            })),
          },
        ],
      },
    ],
  },
  metrics: {
    resourceMetrics: [
      {
        resource,
        scopeMetrics: [
          {
            metrics: [
              { name: 'debug.queue', gauge: { dataPoints: [{ timeUnixNano, asInt: '1' }] } },
              {
                name: 'cpu.seconds',
                unit: 's',
                sum: {
                  isMonotonic: true,
                  aggregationTemporality: 2,
                  dataPoints: ['idle', 'user'].map((cpu) => ({
                    timeUnixNano,
                    asDouble: 2.5,
                    attributes: attributes({ cpu }),
                  })),
                },
              },
            ],
          },
        ],
      },
    ],
  },
  logs: {
    resourceLogs: [
      {
        resource,
        scopeLogs: [
          {
            logRecords: [
              { timeUnixNano, severityNumber: 5, body: { stringValue: 'details' } },
              {
                timeUnixNano,
                severityNumber: 9,
                body: { stringValue: 'sold' },
                attributes: attributes({ 'deployment.environment': 'test', password: 'hunter2' }),
              },
            ],
          },
        ],
      },
    ],
  },
}

test("a Collector user's file runs unchanged", async () => {
  const backend = await startCollectorSink({ plaintext: true })
  const { role, at } = await startCollectorFile('user', { hosts: { 'backend:4317': backend.address } })
  for (const [signal, request] of Object.entries(requests)) {
    const headers = { 'content-type': 'application/json' }
    const options = { method: 'POST', headers, body: JSON.stringify(request) }
    const answer = await fetch(`http://${at(4318)}/v1/${signal}`, options)
    expect([signal, answer.status]).toEqual([signal, 200])
  }
  await backend.until('three signals', () => backend.received.length === 3)
  const stage = { key: 'deployment.environment', value: { stringValue: 'production' } }

  const spans = backend.spans()
  expect(spans.map(({ name }) => name)).toEqual(['GET /cart'])
  expect(spans[0]!.attributes).toEqual([
    ...attributes({ 'http.route': '/cart', 'net.peer.name': 'phone' }),
    stage,
    ...attributes({ peer: 'phone' }),
  ])

  const metrics = backend.metrics()
  expect(metrics.map(({ name }) => name)).toEqual(['cpu.seconds'])
  expect(metrics[0]!.sum.dataPoints).toMatchObject([
    { asDouble: 2.5, attributes: [...attributes({ cpu: 'user' }), stage] },
  ])

  const logs = backend.logs()
  expect(logs.map(({ body }) => body)).toEqual([{ stringValue: 'sold' }])
  expect(logs[0]!.attributes).toEqual([stage])

  let page = ''
  await until('the page has it', async () => {
    page = await (await fetch(`http://${at(8889)}/metrics`)).text()
    return page.includes('shop_cpu_seconds')
  })
  const labels = 'cpu="user",deployment_environment="production",job="till",service_name="till",site="west"'
  expect(page.split('\n').filter((line) => line.startsWith('shop_cpu'))).toEqual([
    expect.stringMatching(/^shop_cpu_seconds_total\{.*\} 2.5$/),
  ])
  for (const label of labels.split(',')) expect(page).toContain(label)
  expect(page).not.toContain('debug')

  expect((await role.stop()).code).toBe(0)
})
