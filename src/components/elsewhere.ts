import type { ComponentKind } from '../plugin.ts'

type Hints = Readonly<Record<string, string>>

const kafka = 'tailrace speaks no Kafka: keep a Collector between the two and reach it by otlp'
const otlpThere = (what: string) => `${what} takes OTLP: send to it with the exporter otlphttp`

const receivers: Hints = {
  apache: 'scrape apache_exporter with the receiver prometheus',
  awsxray: 'send traces by OTLP, as the AWS SDKs of OpenTelemetry do, and receive them with otlp',
  carbon: 'there is no Graphite receiver: statsd takes metrics by UDP, otlp takes everything',
  cloudfoundry: 'take envelopes from the agents themselves with the receiver loggregator, not from the gateway',
  collectd: 'hostmetrics measures the machine itself; collectd can be scraped with prometheus',
  docker_stats: 'scrape cAdvisor with the receiver prometheus',
  elasticsearch: 'scrape elasticsearch_exporter with the receiver prometheus',
  fluentforward: 'let Fluent Bit send by its output opentelemetry, and receive with otlp',
  googlecloudpubsub: 'keep a Collector in front of tailrace and receive from it with otlp',
  httpcheck: 'run the Prometheus blackbox exporter and scrape it with the receiver prometheus',
  influxdb: 'let Telegraf send by its output opentelemetry, and receive with otlp',
  jaeger: 'Jaeger clients are deprecated for OTLP: receive it with otlp',
  journald: 'forward the journal by syslog (ForwardToSyslog, or rsyslog imjournal) and use the receiver syslog',
  k8s_cluster: 'scrape kube-state-metrics with the receiver prometheus',
  k8s_events: 'keep a Collector for events of Kubernetes and receive from it with otlp',
  k8sobjects: 'keep a Collector for objects of Kubernetes and receive from it with otlp',
  kafka,
  kafkametrics: 'scrape a Kafka exporter with the receiver prometheus',
  kubeletstats: 'scrape the metrics pages of the kubelet with the receiver prometheus',
  loki: 'let the client send by OTLP, and receive with otlp',
  memcached: 'scrape memcached_exporter with the receiver prometheus',
  mongodb: 'scrape mongodb_exporter with the receiver prometheus',
  mysql: 'scrape mysqld_exporter with the receiver prometheus',
  nginx: 'scrape the NGINX Prometheus exporter with the receiver prometheus',
  nop: 'it receives nothing: leave it out, and pipelines that have no other receiver',
  opencensus: 'OpenCensus ended in 2023: its successors send OTLP, which otlp receives',
  oracledb: 'scrape oracledb_exporter with the receiver prometheus',
  otlpjsonfile: 'send what is in the files to the receiver otlp, by HTTP: one line is one request',
  podman_stats: 'scrape podman_exporter with the receiver prometheus',
  postgresql: 'scrape postgres_exporter with the receiver prometheus',
  prometheus_simple: 'the receiver prometheus scrapes the same with static_configs',
  prometheusremotewrite: 'scrape the same targets with the receiver prometheus',
  rabbitmq: 'scrape the Prometheus plugin of RabbitMQ with the receiver prometheus',
  redis: 'scrape redis_exporter with the receiver prometheus',
  signalfx: 'the successors of this protocol send OTLP: receive it with otlp',
  skywalking: 'let the agent send OTLP, and receive it with otlp',
  snmp: 'scrape snmp_exporter with the receiver prometheus',
  splunk_hec: 'let the sender use OTLP or syslog: receivers otlp and syslog',
  sqlquery: 'scrape sql_exporter with the receiver prometheus',
  sqlserver: 'scrape sql_exporter with the receiver prometheus',
  tcplog: 'the receiver syslog reads lines over TCP',
  udplog: 'the receiver syslog reads datagrams',
  webhookevent: 'keep a Collector in front of tailrace and receive from it with otlp',
  windowseventlog: 'tailrace does not run on Windows: keep a Collector there and receive from it with otlp',
  windowsperfcounters: 'tailrace does not run on Windows: keep a Collector there and receive from it with otlp',
  zipkin: 'let the tracer send OTLP, and receive it with otlp',
}

const processors: Hints = {
  deltatocumulative: 'the exporter prometheus adds up deltas itself; prometheusremotewrite drops them and counts them',
  deltatorate: 'rates are better computed where metrics are read: rate() of PromQL',
  elasticinframetrics: 'Elastic reads metrics of OpenTelemetry as they are: leave it out',
  geoip: 'add places where logs are read: tailrace has no table of addresses',
  groupbyattrs: 'the processor transform sets resource attributes; records of equal resources need not be regrouped',
  groupbytrace: 'tail_sampling keeps the spans of a trace together: with the policy always_sample it drops none',
  interval: 'scrape or export less often: collection_interval of the receiver',
  k8sattributes: 'set pod names through the downward API in OTEL_RESOURCE_ATTRIBUTES, or with the processor resource',
  logdedup: 'drop what repeats with the processor filter',
  logstransform: 'write operators on the receiver filelog, or statements of the processor transform',
  metric_start_time: 'leave it out: what counts resets here (cumulativetodelta, prometheus) needs no start times',
  metricsgeneration: 'compute metrics where they are read',
  metricstransform: 'the processor transform renames metrics and changes their attributes',
  queued_retry: 'leave it out: exporters have queues and retries of their own (sending_queue, retry_on_failure)',
  remotetap: 'the exporter debug shows what passes: add it to the pipeline',
  resourcedetection: 'write the attributes with the processor resource, from environment variables',
  schema: 'the processor transform renames attributes',
  span: 'the processor transform sets span names',
  spanmetrics: 'counts and durations of spans need a Collector behind tailrace',
  sumologic: 'the processor transform renames attributes',
}

const exporters: Hints = {
  alertmanager: 'let Prometheus raise alerts: exporter prometheusremotewrite',
  awscloudwatchlogs: otlpThere('CloudWatch'),
  awsemf: otlpThere('CloudWatch'),
  awss3: 'keep a Collector for S3 and reach it by otlp; the exporter file writes to disk',
  awsxray: otlpThere('X-Ray'),
  azuredataexplorer: 'keep a Collector for Azure Data Explorer and reach it by otlp',
  azuremonitor: otlpThere('Azure Monitor'),
  clickhouse: 'keep a Collector in front of ClickHouse and reach it by otlp',
  coralogix: otlpThere('Coralogix'),
  datadog: 'the Datadog Agent takes OTLP on 4317: send to it with the exporter otlp',
  dynatrace: otlpThere('Dynatrace'),
  elasticsearch: otlpThere('Elastic (its managed intake or APM server)'),
  googlecloud: otlpThere('Google Cloud (telemetry.googleapis.com)'),
  googlecloudpubsub: 'keep a Collector for Pub/Sub and reach it by otlp',
  googlemanagedprometheus: otlpThere('Google Cloud (telemetry.googleapis.com)'),
  honeycombmarker: otlpThere('Honeycomb'),
  influxdb: 'InfluxDB 3 and Telegraf take OTLP: use the exporter otlp',
  jaeger: 'Jaeger takes OTLP itself: use the exporter otlp, port 4317',
  kafka,
  loadbalancing:
    'send to a load balancer or a headless service with the exporter otlp; keyed routing needs a Collector',
  logging: 'the logging exporter has been deprecated, use the debug exporter instead',
  logzio: otlpThere('Logz.io'),
  loki: 'Loki takes OTLP itself: use the exporter otlphttp with endpoint http://loki:3100/otlp',
  mezmo: otlpThere('Mezmo'),
  opencensus: 'OpenCensus ended in 2023: use the exporter otlp',
  opensearch: 'Data Prepper takes OTLP: send to it with the exporter otlp',
  pulsar: 'tailrace speaks no Pulsar: keep a Collector between the two and reach it by otlp',
  sapm: otlpThere('Splunk Observability'),
  sentry: otlpThere('Sentry'),
  signalfx: otlpThere('Splunk Observability'),
  splunk_hec: 'send to a Splunk OTLP intake with otlphttp, or to a Splunk syslog input with the exporter syslog',
  sumologic: otlpThere('Sumo Logic'),
  zipkin: 'Zipkin takes OTLP with its collector-otel module: use the exporter otlphttp',
}

const connectors: Hints = {
  datadog: 'the Datadog Agent computes its statistics itself: send traces to it with the exporter otlp',
  exceptions: 'counting events needs a Collector behind tailrace',
  failover: 'name several exporters in the pipeline: each has a queue and retries of its own',
  grafanacloud: 'counting spans needs a Collector behind tailrace',
  roundrobin: 'num_consumers of sending_queue sends in parallel',
  servicegraph: 'service graphs can be computed behind tailrace: Tempo and Jaeger do',
  signaltometrics: 'metrics made of other signals need a Collector behind tailrace',
  spanmetrics: 'counts and durations of spans need a Collector behind tailrace',
  sum: 'compute sums where metrics are read',
}

const extensions: Hints = {
  ack: 'senders are answered when their data is in the queue: nothing more is needed',
  asapclient: 'use the extension bearertokenauth with a token file',
  awsproxy: 'let requests go to AWS directly',
  cgroupruntime: 'limits of the cgroup are read by Node itself; memory_limiter takes limit_percentage of it',
  db_storage: 'use the extension file_storage',
  docker_observer: 'the receiver prometheus finds targets by file_sd_configs and http_sd_configs',
  headers_setter: 'write headers on the exporter',
  host_observer: 'the receiver prometheus finds targets by file_sd_configs and http_sd_configs',
  http_forwarder: 'use a reverse proxy',
  jaegerremotesampling: 'set the sampling of clients by OTEL_TRACES_SAMPLER',
  k8s_observer: 'the receiver prometheus finds targets by file_sd_configs and http_sd_configs',
  memory_ballast: 'leave it out: it was made for the garbage collector of Go',
  memory_limiter: 'write service: {memory_limit: 256MiB}: all receivers are refused with the time to try again',
  oauth2client: 'let a proxy fetch tokens into a file, and use the extension bearertokenauth with filename',
  oidc: 'check tokens in a reverse proxy, or use the extension bearertokenauth or basicauth',
  opamp:
    'tailrace takes no remote configuration: mount the file and send SIGTERM when it changes; zpages show the state',
  remotetap: 'the exporter debug shows what passes',
  sigv4auth: 'let a signing proxy stand in front of AWS',
}

const byKind: Readonly<Record<ComponentKind, Hints>> = {
  receiver: receivers,
  processor: processors,
  exporter: exporters,
  connector: connectors,
  extension: extensions,
}

const plain = (type: string) => type.replaceAll('_', '').toLowerCase()

/**
 * One sentence on what to use instead of a well-known component of the Collector that is not here. Both spellings of a
 * renamed one (`k8sattributes`, `k8s_attributes`) find it. Undefined for a type that nobody knows.
 */
export function elsewhere(kind: ComponentKind, type: string): string | undefined {
  const hints = byKind[kind]
  if (Object.hasOwn(hints, type)) return hints[type]
  const name = Object.keys(hints).find((known) => plain(known) === plain(type))
  return name && hints[name]
}
