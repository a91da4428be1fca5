import { expect, test } from 'vitest'
import { Catalogue } from '../components.ts'
import type { ComponentKind } from '../plugin.ts'
import { elsewhere } from './elsewhere.ts'

const catalogue = new Catalogue()

test.each<[ComponentKind, string, RegExp]>([
  ['exporter', 'kafka', /Kafka/],
  ['receiver', 'kafka', /Kafka/],
  ['exporter', 'datadog', /exporter otlp/],
  ['exporter', 'splunk_hec', /otlphttp/],
  ['exporter', 'loki', /otlphttp/],
  ['exporter', 'elasticsearch', /otlphttp/],
  ['exporter', 'loadbalancing', /load balancer/],
  ['exporter', 'awsxray', /otlphttp/],
  ['exporter', 'googlecloud', /otlphttp/],
  ['exporter', 'azuremonitor', /otlphttp/],
  ['exporter', 'logging', /^the logging exporter has been deprecated, use the debug exporter instead$/],
  ['receiver', 'prometheus_simple', /prometheus/],
  ['receiver', 'jaeger', /otlp/],
  ['receiver', 'zipkin', /otlp/],
  ['receiver', 'opencensus', /otlp/],
  ['processor', 'k8sattributes', /OTEL_RESOURCE_ATTRIBUTES/],
  ['processor', 'k8s_attributes', /OTEL_RESOURCE_ATTRIBUTES/],
  ['processor', 'resourcedetection', /processor resource/],
  ['processor', 'groupbyattrs', /transform/],
  ['processor', 'metricstransform', /transform/],
  ['connector', 'spanmetrics', /count/],
  ['connector', 'span_metrics', /count/],
  ['extension', 'opamp', /zpages/],
])('%s %s: one sentence on what to use instead', (kind, type, expected) => {
  expect(catalogue.hint(kind, type)).toMatch(expected)
  expect(catalogue.hint(kind, type)).not.toContain('\n')
})

test('nobody knows what nobody has', () => expect(elsewhere('receiver', 'frobnicator')).toBeUndefined())

const renamed: [ComponentKind, string, string][] = [
  ['exporter', 'otlp_grpc', 'otlp'],
  ['exporter', 'otlp_http', 'otlphttp'],
  ['exporter', 'prometheus_remote_write', 'prometheusremotewrite'],
  ['receiver', 'file_log', 'filelog'],
  ['receiver', 'host_metrics', 'hostmetrics'],
]
test.each(renamed)('%s %s is %s', async (kind, other, type) => {
  const spec = await catalogue.find(kind, type)
  expect(await catalogue.find(kind, other)).toBe(spec)
})
