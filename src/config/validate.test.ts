// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are what is tested
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { noteUnbounded } from './bounded-regex.ts'
import { catalogue, empty, entries } from './catalogue.fixture.ts'
import { formatProblems, type Problem } from './diagnostics.ts'
import { loadConfig } from './load.ts'
import { parseId } from './schema.ts'
import { validate } from './validate.ts'

const check = (text: string, env: Record<string, string> = {}) =>
  validate(loadConfig(['config/a.yaml'], { set: [], env, readFile: () => text }), catalogue)

const codes = (problems: Problem[]) => problems.map(({ code, message }) => `${code}: ${message}`)

const sound = (service: string, rest = '') => `
receivers: {statsd: , otlp/x: {protocols: {grpc: }}}
processors: {batch: , batch/2: {timeout: 1s}}
exporters: {debug: }
${rest}
service:
  pipelines:
${service.replace(/^/gm, '    ')}
`

describe('ids', () => {
  const good: [string, string, string][] = [
    ['otlp', 'otlp', ''],
    ['otlp/a', 'otlp', 'a'],
    [' otlp / a ', 'otlp', 'a'],
    ['a_1/b-c.d', 'a_1', 'b-c.d'],
    ['otlp/a/b', 'otlp', 'a/b'],
  ]
  test.each(good)('%j', (id, type, name) => expect(parseId(id)).toEqual({ type, name }))

  const bad: [string, string][] = [
    ['', 'id must not be empty'],
    ['/a', 'in "/a" id: the part before / should not be empty'],
    ['otlp/', 'in "otlp/" id: the part after / should not be empty'],
    ['1x', 'invalid character(s) in type "1x"'],
    ['o-x', 'invalid character(s) in type "o-x"'],
    ['otlp/a b', 'invalid character(s) in name "a b"'],
    ['otlp/a$', 'invalid character(s) in name "a$"'],
  ]
  test.each(bad)('%j', (id, message) => expect(parseId(id)).toBe(message))

  test('a name has at most 1024 characters', () => {
    expect(parseId(`otlp/${'x'.repeat(1024)}`)).toMatchObject({ type: 'otlp' })
    expect(parseId(`otlp/${'x'.repeat(1025)}`)).toContain('is longer than 1024 characters (1025 characters)')
  })
})

test('a sound configuration gives parsed settings, ordered references and service settings', async () => {
  const { config, problems, warnings } = await check(
    sound(
      'logs/app: {receivers: [" statsd ", otlp/x], processors: [batch/2, batch], exporters: [debug, debug]}',
      'extensions: {health_check: }',
    ).replace(
      'service:\n',
      'service:\n  extensions: [health_check]\n  shutdown_timeout: 10s\n  memory_limit: 64MiB\n  telemetry: {logs: {level: WARN}}\n',
    ),
  )
  expect(problems).toEqual([])
  expect(warnings).toEqual([])
  expect(config?.pipelines).toEqual([
    {
      kind: 'logs',
      name: 'app',
      key: 'logs/app',
      receivers: ['statsd', 'otlp/x'],
      processors: ['batch/2', 'batch'],
      exporters: ['debug'],
      path: ['service', 'pipelines', 'logs/app'],
    },
  ])
  expect(config?.processors[1]).toMatchObject({
    id: { type: 'batch', name: '2' },
    key: 'batch/2',
    config: { timeout: 1000, size: 8192 },
    required: true,
    path: ['processors', 'batch/2'],
  })
  expect(config?.service).toMatchObject({
    extensions: ['health_check'],
    shutdown_timeout: 10_000,
    memory_limit: 67_108_864,
    empty_variables: 'empty',
    telemetry: { logs: { level: 'warn' }, metrics: {} },
  })
})

describe('problems', () => {
  const rows: [string, string, string[]][] = [
    ['an empty file', '', ['TR_CONFIG_EMPTY: empty configuration file']],
    [
      'nothing but a key',
      'receivers:\n',
      [
        'TR_CONFIG_PIPELINE: no receiver configuration specified in config',
        'TR_CONFIG_PIPELINE: no exporter configuration specified in config',
        'TR_CONFIG_PIPELINE: service::pipelines: service must have at least one pipeline',
      ],
    ],
    [
      'an unknown root key',
      `${sound('logs: {receivers: [statsd], exporters: [debug]}')}recievers: {}\n`,
      ['TR_CONFIG_KEY: unknown key "recievers"'],
    ],
    [
      'an unknown pipeline kind',
      sound('log: {receivers: [statsd], exporters: [debug]}'),
      ['TR_CONFIG_PIPELINE: unknown pipeline signal: "log"'],
    ],
    [
      'a processor twice',
      sound('logs: {receivers: [statsd], processors: [batch, batch], exporters: [debug]}'),
      ['TR_CONFIG_DUPLICATE: service::pipelines::logs: references processor "batch" multiple times'],
    ],
    [
      'dangling references of every kind, all at once',
      sound('logs: {receivers: [a], processors: [b], exporters: [c]}').replace(
        'service:\n',
        'service:\n  extensions: [d]\n',
      ),
      [
        'TR_CONFIG_REFERENCE: service::extensions: references extension "d" which is not configured',
        'TR_CONFIG_REFERENCE: service::pipelines::logs: references receiver "a" which is not configured',
        'TR_CONFIG_REFERENCE: service::pipelines::logs: references processor "b" which is not configured',
        'TR_CONFIG_REFERENCE: service::pipelines::logs: references exporter "c" which is not configured',
      ],
    ],
    [
      'an empty pipeline',
      sound('traces:'),
      [
        'TR_CONFIG_PIPELINE: service::pipelines::traces: must have at least one receiver',
        'TR_CONFIG_PIPELINE: service::pipelines::traces: must have at least one exporter',
      ],
    ],
    [
      'an unknown key of a pipeline',
      sound('logs: {receivers: [statsd], exporters: [debug], sinks: []}'),
      ['TR_CONFIG_KEY: unknown key "sinks" (\'[logs]\' has invalid keys: sinks)'],
    ],
    [
      'an unknown key of the telemetry',
      sound('logs: {receivers: [statsd], exporters: [debug]}').replace(
        'service:\n',
        'service:\n  telemetry: {unknown: 1}\n',
      ),
      ['TR_CONFIG_KEY: unknown key "unknown" (\'service.telemetry\' has invalid keys: unknown)'],
    ],
    [
      'a connector that is only an exporter',
      sound('traces: {receivers: [statsd], exporters: [forward]}', 'connectors: {forward: }'),
      [
        'TR_CONFIG_CONNECTOR: connector "forward" used as exporter in [traces] pipeline but not used in any supported receiver pipeline',
      ],
    ],
    [
      'a connector that is only a receiver',
      sound('traces: {receivers: [forward], exporters: [debug]}', 'connectors: {forward: }'),
      [
        'TR_CONFIG_CONNECTOR: connector "forward" used as receiver in [traces] pipeline but not used in any supported exporter pipeline',
      ],
    ],
    [
      'a connector that feeds itself',
      sound('traces: {receivers: [forward], processors: [batch], exporters: [forward]}', 'connectors: {forward: }'),
      [
        'TR_CONFIG_CYCLE: cycle detected: connector "forward" (traces to traces) -> processor "batch" in pipeline "traces" -> connector "forward" (traces to traces)',
      ],
    ],
    [
      'an unknown type, with what there is',
      sound('logs: {receivers: [statsd], exporters: [debug]}', 'extensions: {nope/y: }'),
      ['TR_CONFIG_COMPONENT: unknown type: "nope" for id: "nope/y" (valid values: [health_check])'],
    ],
    [
      'two spellings of one id',
      sound('logs: {receivers: [statsd], exporters: [debug]}', 'extensions: {health_check/a: , "health_check / a": }'),
      ['TR_CONFIG_DUPLICATE: duplicate name "health_check/a" after unmarshaling extensions'],
    ],
    [
      'a component that checks itself',
      sound('logs: {receivers: [statsd], exporters: [debug]}').replace('{grpc: }', ''),
      ['TR_CONFIG_VALUE: must specify at least one protocol when using the OTLP receiver'],
    ],
    [
      'a key that is nearly right',
      sound('logs: {receivers: [statsd], exporters: [debug]}').replace('grpc:', 'htttp:'),
      ['TR_CONFIG_KEY: unknown key "htttp" (\'protocols\' has invalid keys: htttp)'],
    ],
    [
      'an unused component with bad settings',
      sound('logs: {receivers: [statsd], exporters: [debug]}').replace('timeout: 1s', 'timeout: 1'),
      ['TR_CONFIG_TYPE: missing unit in duration 1'],
    ],
  ]
  test.each(rows)('%s', async (_name, text, expected) => {
    const { config, problems } = await check(text)
    expect(config).toBeUndefined()
    const told = codes(problems).map((each) => each.replace('TR_CONFIG_VALUE: missing', 'TR_CONFIG_TYPE: missing'))
    expect(told).toEqual(expected)
  })

  test('pipelines that a connector names must be there and receive from it', async () => {
    const { problems, warnings } = await check(
      sound(
        [
          'logs/in: {receivers: [statsd], exporters: [sorter]}',
          'logs/a: {receivers: [sorter], exporters: [debug]}',
          'logs/b: {receivers: [sorter], exporters: [debug]}',
          'logs/c: {receivers: [statsd], exporters: [debug]}',
        ].join('\n'),
        'connectors:\n  sorter:\n    to: [logs/a, logs/aa, logs/c]',
      ),
    )
    expect(
      problems.map(({ code, location: { line, column }, path, message, hint }) => [
        code,
        line,
        column,
        path,
        message,
        hint,
      ]),
    ).toEqual([
      [
        'TR_CONFIG_REFERENCE',
        7,
        18,
        'connectors.sorter.to.1',
        'connectors::sorter: references pipeline "logs/aa" which is not configured',
        'did you mean "logs/a"?',
      ],
      [
        'TR_CONFIG_REFERENCE',
        7,
        27,
        'connectors.sorter.to.2',
        'connectors::sorter: pipeline "logs/c" does not receive from "sorter"',
        'write receivers: [sorter] in service.pipelines.logs/c',
      ],
    ])
    expect(warnings.map(({ code, path, message }) => [code, path, message])).toContainEqual([
      'TR_CONFIG_UNUSED',
      'service.pipelines.logs/b',
      'pipeline "logs/b" gets nothing from connector "sorter": none of its routes names it',
    ])
  })

  test('a pattern that nothing bounds is warned of where it stands', async () => {
    noteUnbounded('of somebody else')
    const config = z.strictObject({ pattern: z.string().refine((text) => noteUnbounded(text) === undefined) })
    entries.push({ kind: 'processor', type: 'matching', config })
    const { problems, warnings } = await check(
      sound('logs: {receivers: [statsd], processors: [matching], exporters: [debug]}').replace(
        'batch: ,',
        "matching: {pattern: '(?:a+){20}'}, batch: ,",
      ),
    )
    expect(problems).toEqual([])
    expect(warnings.filter(({ code }) => code === 'TR_CONFIG_VALUE')).toMatchObject([
      {
        path: 'processors.matching',
        message: expect.stringMatching(/^the pattern "\(\?:a\+\)\{20\}" may take very long/),
      },
    ])
  })

  test('a connector and an exporter of one id are ambiguous', async () => {
    entries.push({ kind: 'exporter', type: 'forward', config: empty })
    const { problems } = await check(
      sound(
        'logs: {receivers: [statsd], exporters: [forward]}\nlogs/2: {receivers: [forward], exporters: [debug]}',
        'connectors: {forward: }',
      ).replace('debug: }', 'debug: , forward: }'),
    )
    entries.pop()
    expect(codes(problems)).toEqual([
      'TR_CONFIG_AMBIGUOUS: connectors::forward: ambiguous ID: Found both "forward" exporter and "forward" connector. Change one of the components\' IDs to eliminate ambiguity (e.g. rename "forward" connector to "forward/connector")',
    ])
  })

  test('two listeners on one address', async () => {
    const { problems } = await check(
      sound('logs: {receivers: [statsd, statsd/2], exporters: [debug]}').replace('statsd: ,', 'statsd: , statsd/2: ,'),
    )
    expect(problems[0]).toMatchObject({
      code: 'TR_CONFIG_RESOURCE',
      message: 'receivers.statsd and receivers.statsd/2 both want udp 127.0.0.1:8125',
      hint: expect.stringContaining('config/a.yaml:2'),
    })
  })

  test('a syntax error is not followed by what it causes', async () => {
    expect(codes((await check('receivers: [\n')).problems).every((text) => text.startsWith('TR_CONFIG_YAML'))).toBe(
      true,
    )
  })
})

describe('an extension that a component names', () => {
  const asking = (id: string, extensions: string) =>
    `receivers: {otlp: {protocols: {http: {auth: {authenticator: ${id}}}}}}
exporters: {debug: }
extensions: {health_check: }
service:
  extensions: ${extensions}
  pipelines: {logs: {receivers: [otlp], exporters: [debug]}}
`
  const path = 'receivers.otlp.protocols.http.auth.authenticator'
  const at = { line: 1, column: 61 }

  test('must be configured; the nearest one is told', async () => {
    const { problems } = await check(asking('heath_check', '[health_check]'))
    const message = 'receivers::otlp: references extension "heath_check" which is not configured'
    const hint = 'did you mean "health_check"? Configured are: health_check'
    expect(problems).toMatchObject([{ code: 'TR_CONFIG_REFERENCE', path, message, hint, location: at }])
  })

  test('must be started by the service', async () => {
    const { problems } = await check(asking('" health_check "', '[]'))
    const message = 'receivers::otlp: references extension "health_check" which the service does not start'
    const hint = 'write service: {extensions: [health_check]}'
    expect(problems).toMatchObject([{ code: 'TR_CONFIG_REFERENCE', path, message, hint, location: at }])
  })

  test('is fine then', async () => {
    expect((await check(asking('health_check', '[health_check]'))).problems).toEqual([])
    const unused = asking('nosuch', '[health_check]').replace('receivers: [otlp]', 'receivers: [statsd]')
    const { problems } = await check(unused.replace('receivers: {otlp', 'receivers: {statsd: , otlp'))
    expect(problems).toEqual([])
  })
})

describe('what is not a problem', () => {
  test('unused components are warned of', async () => {
    const { config, warnings } = await check(sound('logs: {receivers: [statsd], exporters: [debug]}'))
    expect(config).toBeDefined()
    expect(warnings.map(({ path }) => path)).toEqual(['receivers.otlp/x', 'processors.batch', 'processors.batch/2'])
  })

  test('a process may run extensions only', async () => {
    const { config } = await check('extensions: {health_check: }\nservice: {extensions: [health_check]}\n')
    expect(config?.extensions).toHaveLength(1)
  })

  test('an alias finds its component', async () => {
    const { config } = await check(
      sound('logs: {receivers: [statsd], exporters: [otlp_grpc]}').replace(
        'debug: }',
        'otlp_grpc: {endpoint: "a:1", required: false}}',
      ),
    )
    expect(config?.exporters[0]).toMatchObject({
      key: 'otlp_grpc',
      required: false,
      entry: { type: 'otlp' },
      config: { endpoint: { port: 1 } },
    })
  })
})

describe('the picture of a problem', () => {
  test('a port where an address belongs', async () => {
    const { problems } = await check(
      'receivers:\n  statsd:\n    endpoint: 8125\nexporters: {debug: }\nservice: {pipelines: {metrics: {receivers: [statsd], exporters: [debug]}}}\n',
    )
    expect(formatProblems(problems)).toMatchInlineSnapshot(`
      "config/a.yaml:3:15  receivers.statsd.endpoint  TR_CONFIG_TYPE
        expected host:port, got the number 8125
        3 |     endpoint: 8125
          |               ^^^^
        write "127.0.0.1:8125" to listen on loopback, or "0.0.0.0:8125" for every interface"
    `)
  })

  test('several at once, in the order of the file', async () => {
    const text = `receivers:
  statsd:
    endpont: 127.0.0.1:8125
  statds/2:
  otlp:
    protocols:
      grpc:
        tls: {min_version: 1.2, cert: /x}
exporters:
  otlp:
    headers: {authorization: 5, x-key: "\${env:KEY}"}
service:
  pipelines:
    logs:
      receivers: [statds]
      processors: [batch]
      exporters: [otpl]
`
    expect(formatProblems((await check(text, { KEY: 'hunter2' })).problems)).toMatchInlineSnapshot(`
      "config/a.yaml:3:5  receivers.statsd.endpont  TR_CONFIG_KEY
        unknown key "endpont"
        3 |     endpont: 127.0.0.1:8125
          |     ^^^^^^^
        did you mean "endpoint"?

      config/a.yaml:4:3  receivers.statds/2  TR_CONFIG_COMPONENT
        unknown type: "statds" for id: "statds/2" (valid values: [statsd otlp])
        4 |   statds/2:
          |   ^^^^^^^^
        did you mean "statsd"?

      config/a.yaml:8:28  receivers.otlp.protocols.grpc.tls.min_version  TR_CONFIG_TYPE
        expected one of "1.2", "1.3", got the number 1.2
        8 |         tls: {min_version: 1.2, cert: /x}
          |                            ^^^
        write "1.2"

      config/a.yaml:8:33  receivers.otlp.protocols.grpc.tls.cert  TR_CONFIG_KEY
        unknown key "cert" ('protocols.grpc.tls' has invalid keys: cert)
        8 |         tls: {min_version: 1.2, cert: /x}
          |                                 ^^^^
        did you mean "cert_file"?

      config/a.yaml:10:3  exporters.otlp.endpoint  TR_CONFIG_REQUIRED
        endpoint is required
        10 |   otlp:
           |   ^^^^

      config/a.yaml:11:30  exporters.otlp.headers.authorization  TR_CONFIG_TYPE
        expected text
        11 |     headers: {authorization: ********, x-key: "\${env:KEY}"}
           |                              ^^^^^^^^
        put the value in quotes

      config/a.yaml:15:19  service.pipelines.logs.receivers.0  TR_CONFIG_REFERENCE
        service::pipelines::logs: references receiver "statds" which is not configured
        15 |       receivers: [statds]
           |                   ^^^^^^
        did you mean "statsd"? Configured are: statsd, statds/2, otlp

      config/a.yaml:16:20  service.pipelines.logs.processors.0  TR_CONFIG_REFERENCE
        service::pipelines::logs: references processor "batch" which is not configured
        16 |       processors: [batch]
           |                    ^^^^^
        add it under processors, where there is nothing yet

      config/a.yaml:17:19  service.pipelines.logs.exporters.0  TR_CONFIG_REFERENCE
        service::pipelines::logs: references exporter "otpl" which is not configured
        17 |       exporters: [otpl]
           |                   ^^^^
        did you mean "otlp"? Configured are: otlp"
    `)
  })

  test('secrets do not show, wherever they stand', async () => {
    const text = `receivers: {statsd: }
exporters:
  otlp:
    endpoint: "\${E}"
    headers: {"x-own": "hunter2", y: "\${env:KEY:-hunter2}"}
    header: {a: hunter2}
    hosts: [{key: hunter2, on: maybe}, {kei: hunter2}, hunter2]
service: {pipelines: {logs: {receivers: [statsd], exporters: [otlp]}}}
`
    const { problems } = await check(text, { KEY: 'hunter2', E: 'hunter2-is-no-endpoint' })
    const pictures = formatProblems(problems)
    expect(problems.length).toBeGreaterThan(4)
    expect(pictures.replace(/hunter2-is-no-endpoint/g, '')).not.toContain('hunter2')
  })
})

test('random trees never throw', async () => {
  const word = fc.constantFrom(
    'receivers',
    'exporters',
    'connectors',
    'service',
    'pipelines',
    'logs',
    'otlp',
    'statsd',
    'debug',
    'forward',
    'endpoint',
    'headers',
    'protocols',
    'grpc',
    'x/',
    'required',
    '__proto__',
    '${A}',
  )
  const tree = fc.letrec((tie) => ({
    node: fc.oneof(
      { depthSize: 'medium' },
      word,
      fc.integer(),
      fc.constant(null),
      fc.boolean(),
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(word, tie('node'), { maxKeys: 4 }),
    ),
  })).node
  await fc.assert(
    fc.asyncProperty(fc.dictionary(word, tree), async (value) => {
      const { config, problems, warnings } = await check(JSON.stringify(value))
      expect(config === undefined).toBe(problems.length > 0)
      formatProblems([...problems, ...warnings])
    }),
    { numRuns: 500 },
  )
})

test('a gate of the Collector lifts the need of a pipeline', async () => {
  const loaded = loadConfig(['a'], {
    set: [],
    env: {},
    readFile: () => 'receivers: {statsd: }\nexporters: {debug: }\n',
  })
  expect((await validate(loaded, catalogue)).problems).toHaveLength(1)
  expect((await validate(loaded, catalogue, new Set(['service.AllowNoPipelines']))).problems).toEqual([])
})
