// biome-ignore-all lint/suspicious/noTemplateCurlyInString: texts show references as they are written
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Catalogue } from '../components.ts'
import { loadConfig } from '../config/load.ts'
import { validate } from '../config/validate.ts'
import { migrateText, migrationText } from './migrate.ts'

const folder = new URL('../../test/testdata/collectors/', import.meta.url)
const read = (name: string) => readFileSync(new URL(`${name}.yaml`, folder), 'utf8')

async function migrated(name: string) {
  const before = read(name)
  const migration = await migrateText(`${name}.yaml`, before)
  return { before, ...migration, report: migrationText(migration) }
}

const trimmed = (text: string) => text.split('\n').map((line) => line.trim())

/** Components, and whether each is known. */
const known = ({ verdicts }: { verdicts: readonly { path: string; known: boolean }[] }) =>
  Object.fromEntries(verdicts.map(({ path, known }) => [path, known]))

test('a file of which everything is known leaves byte for byte', async () => {
  const { before, text, removed, left, report } = await migrated('gateway')
  expect(text).toBe(before)
  expect([removed, left]).toEqual([[], []])
  expect(report).toMatch(/^ {2}otlp_grpc\/backend {2}known as otlp\n {4}balancer_name changes nothing here: /m)
  expect(report).toMatch(/^ {4}protocols\.grpc\.read_buffer_size changes nothing here: /m)
  expect(report).toMatch(/^6 of 6 components are known, 0 places removed, 0 left to do$/m)
})

test('unknown components go with what named them, and pipelines that lead nowhere then', async () => {
  const result = await migrated('kafka-edge')
  expect(known(result)).toMatchObject({ 'exporters.kafka/spans': false, 'exporters.otlphttp/archive': true })
  expect(result.text).toBe(`# Edge of a region. Agents send OTLP here; Kafka is the buffer.

extensions:
  file_storage:
    directory: /var/lib/otelcol
  health_check:

receivers:
  otlp:
    protocols:
      grpc:
  # frames of the old tracer
  # tailrace migrate: removed receiver zipkin: let the tracer send OTLP, and receive it with otlp

exporters:
  # the buffer of the region
  # tailrace migrate: removed exporter kafka/spans: tailrace speaks no Kafka: keep a Collector between the two and reach it by otlp
  # and the archive
  otlphttp/archive:
    endpoint: https://archive.example.com
    sending_queue:
      enabled: true
      queue_size: 5000
      storage: file_storage
    retry_on_failure:
      enabled: true
      max_elapsed_time: 10m

service:
  extensions: [file_storage, health_check]
  pipelines:
    traces:
      # tailrace migrate: removed the reference to receiver zipkin
      receivers: [otlp]
      # tailrace migrate: removed the reference to exporter kafka/spans
      exporters: [otlphttp/archive]
    # only Kafka reads these
    # tailrace migrate: removed pipeline metrics: must have at least one exporter
`)
})

test('variables of the machine where it will run are no fault', async () => {
  const { left, text, report } = await migrated('kubernetes-node')
  expect(left).toEqual([])
  expect(text).toContain(`endpoint: "\${env:MY_POD_IP}:4317"`)
  expect(text).toContain('    logs: {receivers: [filelog/pods], processors: [resource], exporters: [otlp_grpc]}\n')
  expect(report).toContain('  kubeletstats       not here: scrape the metrics pages of the kubelet')
})

test("templates of Cloud Foundry's job stay, quotes included", async () => {
  const { text, left } = await migrated('cf-job')
  expect(left).toEqual([])
  for (const line of [`'{{ .vendor.secret }}'`, '"{{ .vendor.cert }}"', '"{{.vendor.key}}"', '"{{ .vendor.ca }}"'])
    expect(text).toContain(line)
})

test('settings that protect something stay, and are left to a person', async () => {
  const { text, left, report } = await migrated('old-spelling')
  expect(left.map(({ path }) => path)).toEqual(['processors.redaction.url_sanitizer', 'exporters.otlp.tls.colour'])
  expect(text).toContain('url_sanitizer:\n            enabled: true\n')
  expect(text).toMatch(/# tailrace migrate: removed wait_for_readiness: unknown key "wait_for_readiness"$/m)
  expect(text).toMatch(/# tailrace migrate: removed pipeline profiles: unknown pipeline signal: "profiles"$/m)
  expect(report).toContain('left to do (places are those of the new file)\nold-spelling.yaml:16:9')
})

test('what old Collectors called otherwise gets the name of today', async () => {
  const { text, report } = await migrated('old-spelling')
  expect(text).toContain(`                # tailrace migrate: cors_allowed_origins is cors.allowed_origins now
                cors:
                    allowed_origins:`)
  expect(text).toContain(`    # tailrace migrate: exporter logging is debug now
    debug:
        # tailrace migrate: loglevel is verbosity now
        verbosity: detailed
`)
  expect(trimmed(text).join('\n')).toContain('exporters:\n- debug\n# the real one\n- otlp\n')
  expect(report).toContain('  logging    becomes debug\n')
  expect(report).toContain('\nrenamed\n  receivers.otlp.protocols.http.cors_allowed_origins: cors_allowed_origins is ')
  expect(report).toContain('4 of 4 components are known, 4 places renamed, 2 places removed, 2 left to do\n')
})

/** A file around an exporter otlp, in brackets. */
const around = (exporters: string, names = 'otlp') => `receivers: {otlp: {protocols: {grpc: {}}}}
exporters:
${exporters}service: {pipelines: {logs: {receivers: [otlp], exporters: [${names}]}}}
`

test.each<[string, string, string]>([
  [
    'settings of TLS that stood beside the endpoint',
    '  otlp:\n    endpoint: a:4317\n    insecure: true\n    ca_file: /ca.pem\n',
    '  otlp:\n    endpoint: a:4317\n    tls:\n      insecure: true\n      ca_file: /ca.pem\n',
  ],
  [
    'in brackets',
    '  otlp: {endpoint: "a:4317", insecure: true}\n',
    '  otlp: {endpoint: "a:4317", tls: {insecure: true}}\n',
  ],
  [
    'beside a block of TLS',
    '  otlp:\n    endpoint: a:4317\n    tls:\n      insecure: true\n    server_name_override: b\n',
    '  otlp:\n    endpoint: a:4317\n    tls:\n      insecure: true\n      server_name_override: b\n',
  ],
  [
    'variables without braces',
    '  otlp: {endpoint: "$HOST_OF_A:4317", headers: {key: $TAILRACE_TEST_KEY}}\n',
    '  otlp: {endpoint: "${env:HOST_OF_A}:4317", headers: {key: "${env:TAILRACE_TEST_KEY}"}}\n',
  ],
])('%s', async (_, before, after) => {
  const { text, left } = await migrateText('a.yaml', around(before))
  expect(left).toEqual([])
  expect(text.replace(/^ *# tailrace migrate: .*\n/gm, '')).toBe(around(after))
})

test('an exporter whose new name is taken goes, and so do references that would stand twice', async () => {
  const exporters = '  debug:\n    verbosity: basic\n  logging:\n    loglevel: debug\n'
  const { text, left } = await migrateText('a.yaml', around(exporters, 'debug, logging'))
  expect(left).toEqual([])
  expect(text.replace(/^ *#.*\n/gm, '')).toBe(around('  debug:\n    verbosity: basic\n', 'debug'))
})

test('a value that must be there stays, with what is wrong with it', async () => {
  const before = around('  otlp:\n    endpoint: HOSTNAME\n    compression: zip\n')
  const { text, left } = await migrateText('a.yaml', before)
  expect(left.map(({ message }) => message)).toEqual(['missing port in "HOSTNAME": write HOSTNAME:4317'])
  expect(text).toContain('endpoint: HOSTNAME')
  expect(text).not.toContain('zip\n')
})

test('anchors, variables that must be set, and a type that nobody knows', async () => {
  const { text, left, report } = await migrateText(
    'a.yaml',
    `receivers:
  otlp: {protocols: {grpc: }}
  kafka: &k {brokers: [a]}
  kafka/2: *k
exporters:
  otlp:
    endpoint: \${env:TAILRACE_NO_SUCH:?}
  frobnicator:
service:
  pipelines:
    logs: {receivers: [kafka, kafka/2, otlp], exporters: [otlp, frobnicator]}
`,
  ).then((migration) => ({ ...migration, report: migrationText(migration) }))
  expect(left).toEqual([])
  expect(text.replace(/^ *#.*\n/gm, '')).toBe(`receivers:
  otlp: {protocols: {grpc:}}
exporters:
  otlp:
    endpoint: \${env:TAILRACE_NO_SUCH:?}
service:
  pipelines:
    logs: {receivers: [otlp], exporters: [otlp]}
`)
  expect(report).toContain('  frobnicator  not here: there is no exporter of this type\n')
})

test('values of variables are never taken out, whatever they hold on this machine', async () => {
  const text = `receivers: {otlp: {protocols: {grpc: }}}
exporters:
  otlp:
    endpoint: \${env:TAILRACE_NO_SUCH}
    compression: \${env:TAILRACE_NO_SUCH:-snappy}
service: {pipelines: {logs: {receivers: [otlp], exporters: [otlp]}}}
`
  const migration = await migrateText('a.yaml', text)
  expect(migration.text).toBe(text)
  expect(migration.left.map(({ path }) => path)).toEqual(['exporters.otlp.compression'])
})

describe.each(['gateway', 'kafka-edge', 'kubernetes-node', 'cf-job', 'old-spelling'])('%s', (name) => {
  test('keeps its comments, and its lines in their order', async () => {
    const { before, text } = await migrated(name)
    const comments = (each: string) => trimmed(each).filter((line) => line.startsWith('#'))
    const kept = comments(text).filter((line) => !line.startsWith('# tailrace migrate: '))
    expect(kept.filter((line) => !before.includes(`:   ${line}`))).toEqual(comments(before))
    // But for lists in brackets that lost something, a block that became empty, and what has another name now.
    const edited =
      /^(receivers|processors|exporters|extensions|logs|traces|metrics): [[{]|: \{\}$|^(cors|allowed_origins|debug|verbosity):|^- debug$/
    const rest = trimmed(text).filter((line) => !line.startsWith('#') && !edited.test(line))
    const lines = trimmed(before)
    let at = 0
    for (const line of rest) {
      at = lines.indexOf(line, at) + 1
      expect(at, line).toBeGreaterThan(0)
    }
  })

  test('is done when it was done: the new file has nothing more to remove', async () => {
    const { text, left } = await migrated(name)
    const again = await migrateText(`${name}.yaml`, text)
    expect(again.text).toBe(text)
    expect(again.left.length).toBe(left.length)
    expect(again.verdicts.every(({ known }) => known)).toBe(true)
  })
})

test.each(['gateway', 'kafka-edge', 'kubernetes-node'])('what came of %s is valid', async (name) => {
  const { text } = await migrated(name)
  const env = { MY_POD_IP: '10.0.0.1', K8S_NODE_NAME: 'a' }
  const loaded = loadConfig(['file:x'], { set: [], env, readFile: () => text })
  expect((await validate(loaded, new Catalogue())).problems).toEqual([])
})

test('an extension that somebody must be asked by is not replaced by nobody', async () => {
  const { left, text } = await migrateText(
    'a.yaml',
    `extensions: {oidc: {issuer_url: "https://id.example.com"}}
receivers: {otlp: {protocols: {grpc: {auth: {authenticator: oidc}}}}}
exporters: {nop: }
service: {extensions: [oidc], pipelines: {logs: {receivers: [otlp], exporters: [nop]}}}
`,
  )
  expect(left.map(({ message }) => message)).toEqual([
    'receivers::otlp: references extension "oidc" which is not configured',
  ])
  expect(text).toContain('authenticator: oidc')
})

test.each([
  ['no YAML', 'a: [', 'TR_CONFIG_YAML'],
  ['no map', '- a\n', 'TR_CONFIG_ROOT'],
  ['nothing', '', 'TR_CONFIG_EMPTY'],
  ['more than one document', 'exporters: {debug: }\n---\nreceivers: {otlp: }\n', 'TR_CONFIG_YAML'],
])('%s is unreadable', async (_, text, code) => {
  const { unreadable, left } = await migrateText('a.yaml', text)
  expect([unreadable, left[0]?.code]).toEqual([true, code])
})
