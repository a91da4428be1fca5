import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { canonical } from '../support/canonical.ts'
import { sendDatagrams } from '../support/client.ts'
import { frameRecords, type Message } from '../support/decode.ts'
import { decodeEnvelopes } from '../support/decode-envelopes.ts'
import { statsdInjectorEnv } from '../support/environments.ts'
import { type Role, startRole } from '../support/role.ts'
import { type IngressSink, ingressPaths, startIngressSink } from '../support/sinks.ts'

interface Row {
  line: number
  /** A process that has seen nothing yet. */
  fresh: boolean
  input_b64: string
  output: Message[]
}

const rows = readFileSync(new URL('../testdata/statsd-injector.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Row)
  // The original crashes or loses its stream on these (docs/differences.md); they are tested with the codec.
  .filter(({ line }) => ![81, 82, 86, 88, 90, 91, 92, 93].includes(line))

const seriesOf = ({ source_id, gauge }: Message) => Object.keys(gauge.metrics).map((name) => `${source_id} ${name}`)

/**
 * Rows that one process may see in a row. A recorded row met a process that had seen nothing, or only the rows before it;
 * here it may meet one that has seen others, as long as none of them left something that it would find.
 */
const runs: Row[][] = []
for (let i = 0; i < rows.length; ) {
  const group = [rows[i++]!]
  while (i < rows.length && !rows[i]!.fresh) group.push(rows[i++]!)
  const run = runs.find((run) => !meets(group, run))
  if (run) run.push(...group)
  else runs.push(group)
}

function meets(group: Row[], run: Row[]): boolean {
  const left = new Set(run.flatMap(({ output }) => output.flatMap(seriesOf)))
  return group.some(({ output }) => output.flatMap(seriesOf).some((series) => left.has(series)))
}

async function injector(): Promise<{ role: Role; sink: IngressSink; statsd: string }> {
  const sink = await startIngressSink()
  const role = await startRole('statsd-injector', statsdInjectorEnv(sink.port))
  return { role, sink, statsd: await role.address(/^Started statsd-injector listener at (\S+)$/) }
}

test.each(runs.map((run, i) => [i + 1, run] as const))(
  'answers recorded datagrams as the original did, process %i',
  async (_, run) => {
    const { sink, statsd } = await injector()
    await sendDatagrams(
      statsd,
      run.flatMap(({ input_b64 }, i) => [Buffer.from(input_b64, 'base64'), `marker.row-${i}:0|g`]),
    )
    const total = run.reduce((sum, { output }) => sum + output.length, run.length)
    await sink.until('all lines', () => sink.count() >= total)
    expect(sink.received.every(({ path }) => path === ingressPaths.sender)).toBe(true)
    const got: string[][] = [[]]
    for (const { bytes } of sink.received) {
      const { timestamp: _at, ...envelope } = decodeEnvelopes(frameRecords([bytes]))[0]!
      if (envelope.source_id === 'marker') got.push([])
      else got.at(-1)!.push(canonical(envelope))
    }
    for (const [i, row] of run.entries()) expect(got[i], `line ${row.line}`).toEqual(row.output.map(canonical))
  },
)

test('prints the lines of the original, and one for a malformed line', async () => {
  const { role, statsd } = await injector()
  await role.line(/^Listening for statsd on hostport /)
  await sendDatagrams(statsd, ['noorigin:1|c\n'])
  await role.line(/^Error parsing stat line "noorigin:1\|c": input line 'noorigin:1\|c' was not a valid statsd line/)
})

test('a malformed line costs itself alone: the others of its datagram arrive, and it is counted', async () => {
  const { role, sink, statsd } = await injector()
  const garbage = Buffer.from([0xff, 0x00, 0x3a, 0x7c, 0x0a, 0x80])
  await sendDatagrams(statsd, ['o.a:1|g\nnoorigin:1|c\no.b:x|g\no.c:3|g', garbage, 'o.d:4|g'])
  await sink.until('the good ones', () => sink.count() === 3)
  expect(sink.envelopes().map(({ gauge }) => Object.keys(gauge.metrics)[0])).toEqual(['a', 'c', 'd'])
  // This role has no metrics page, as the original has none.
  role.signal('SIGUSR1')
  await role.line(/^ *receiver statsd: .*malformed 4/)
  await role.line(/^ *tailrace_statsd_malformed_lines_total .*4$/)
})

test('while the agent is away it keeps what comes, and sends it in order once the agent is back', async () => {
  const { role, sink, statsd } = await injector()
  await sendDatagrams(statsd, ['o.n:0|g'])
  await sink.until('a line', () => sink.count() === 1)
  await sink.stop()
  // Before it knows, it may write into the void.
  await role.line(/the peer ended the stream/)
  await sendDatagrams(statsd, ['o.n:1|g', 'o.n:2|g', 'o.n:3|g'])
  await sink.restart()
  await sink.until('what was kept', () => sink.envelopes().at(-1)?.gauge.metrics.n.value === 3)
  const values = sink.envelopes().map(({ gauge }) => gauge.metrics.n.value ?? 0)
  expect(values).toEqual([...values].sort())
})
