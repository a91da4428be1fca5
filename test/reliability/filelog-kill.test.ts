import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { decodeOtlpLogs, type Message } from '../support/decode.ts'
import { newFolder, writeFiles } from '../support/folder.ts'
import { pause, type Role, startProcess, until } from '../support/role.ts'
import { otlpPaths, startSink } from '../support/sinks.ts'

const kills = 10
const linesEach = 500
const tail = ' some text behind it, as lines have\n'
const lineSize = 8 + tail.length
const lineAt = (n: number) => `${n}`.padStart(8, '0') + tail
/** A file is not read on while this much of it is on its way (see the README of filelog), and a block beyond. */
const mostUnsettled = (4 << 20) + (256 << 10)
/** The writer waits beyond this: a machine that is busy with other things must come to an end, too. */
const mostAhead = 100_000

/** What one process has sent. */
interface Round {
  readonly lines: Set<number>
  first: number
  last: number
  /** Lines that this process sent twice. */
  twice: number
}

/** An OTLP server that notes which process sent which lines, and answers late, so that there always is something on its way. */
async function startCounter() {
  const rounds = new Map<string, Round>()
  const seen = new Set<number>()
  const answer = async ({ bytes }: { bytes: Buffer }) => {
    const { resourceLogs } = decodeOtlpLogs(bytes) as { resourceLogs: Message[] }
    for (const { resource, scopeLogs } of resourceLogs) {
      const round = roundOf((resource as Message).attributes as Message[])
      for (const { logRecords } of scopeLogs as Message[])
        for (const { body } of logRecords as Message[]) note(round, Number.parseInt((body as Message).stringValue, 10))
    }
    await pause(20)
    return Buffer.alloc(0)
  }
  const roundOf = ([attribute]: Message[]): Round => {
    const { stringValue: name } = attribute!.value as { stringValue: string }
    const round = rounds.get(name) ?? { lines: new Set(), first: Number.POSITIVE_INFINITY, last: -1, twice: 0 }
    rounds.set(name, round)
    return round
  }
  const note = (round: Round, line: number) => {
    if (round.lines.has(line)) round.twice++
    round.lines.add(line)
    round.first = Math.min(round.first, line)
    round.last = Math.max(round.last, line)
    seen.add(line)
  }
  const { address, received } = await startSink({ name: 'none', plaintext: true, unaries: [otlpPaths.logs], answer })
  // Nobody reads them.
  const timer = setInterval(() => received.splice(0), 100)
  onTestFinished(() => clearInterval(timer))
  return { address, seen, round: (n: number) => rounds.get(`round ${n}`) }
}

const agentFile = (folder: string, address: string) => `
receivers:
  filelog:
    include: ["${folder}/*.log"]
    start_at: beginning
    poll_interval: 10ms
    checkpoints: ${folder}/state
    resource: {round: "round \${env:ROUND}"}
exporters:
  otlp:
    endpoint: ${address}
    tls: {insecure: true}
    sending_queue: {queue_size: 20, block_on_overflow: true}
service: {pipelines: {logs: {receivers: [filelog], exporters: [otlp]}}}
`

/** The number of lines that the checkpoints say were settled: of the one file, the last entry with an offset. */
function settledLines(state: string): number {
  if (!existsSync(state)) return 0
  let offset = 0
  for (const line of readFileSync(state, 'utf8').split('\n').slice(1, -1)) {
    const entry = JSON.parse(line) as number[]
    if (String(entry[0]) === 'm') offset = entry[2]!
    if (String(entry[0]) === 'f') offset = entry[9]!
  }
  return offset / lineSize
}

/** `0-3, 7`: which numbers below `end` are not there. */
function gapsIn(seen: ReadonlySet<number>, end: number): string {
  const gaps: string[] = []
  for (let n = 0; n < end; n++) {
    if (seen.has(n)) continue
    const from = n
    while (n + 1 < end && !seen.has(n + 1)) n++
    gaps.push(from === n ? `${n}` : `${from}-${n}`)
  }
  return gaps.slice(0, 20).join(', ')
}

test('a process that is killed ten times loses no line and repeats only what was not settled', async () => {
  const { address, seen, round } = await startCounter()
  const folder = newFolder()
  writeFiles(folder, { 'agent.yaml': agentFile(folder, address) })
  let written = 0
  const write = () => {
    if (written - seen.size > mostAhead) return
    let text = ''
    for (let i = 0; i < linesEach; i++) text += lineAt(written++)
    appendFileSync(`${folder}/a.log`, text)
  }
  const timer = setInterval(write, 5)
  onTestFinished(() => clearInterval(timer))
  const start = (n: number) => startProcess(['run', `${folder}/agent.yaml`], { ROUND: `${n}` })
  const patiently = (what: string, agent: Role, enough: () => boolean) =>
    until(what, enough).catch((error) => {
      const counts = `${seen.size} of ${written} lines, missing ${gapsIn(seen, written)}`
      throw new Error(`${error.message}: ${counts}; the process said:\n${agent.lines.join('\n')}`)
    })
  /** Where each process had to begin: behind what was settled when the one before was killed. */
  const settled = [0]
  for (let n = 0; n < kills; n++) {
    const agent = start(n)
    const before = seen.size
    await patiently(`lines arrive in round ${n}`, agent, () => seen.size > before + 5000)
    await agent.stop('SIGKILL')
    settled.push(settledLines(`${folder}/state`))
  }
  clearInterval(timer)
  const agent = start(kills)
  await patiently('all lines have arrived', agent, () => seen.size === written)
  expect(await agent.stop('SIGTERM')).toMatchObject({ code: 0 })
  for (const [n, from] of settled.entries()) {
    const { first, last, twice } = round(n)!
    expect({ n, first, twice }).toEqual({ n, first: from, twice: 0 })
    // So much of what it read was not settled, at most: that is what the next one may repeat.
    const until = settled[n + 1] ?? written
    expect((last + 1 - until) * lineSize).toBeLessThanOrEqual(mostUnsettled)
  }
  // After an orderly end nothing comes again.
  expect(settledLines(`${folder}/state`)).toBe(written)
  appendFileSync(`${folder}/a.log`, lineAt(written))
  const last = start(kills + 1)
  await patiently('the last line has arrived', last, () => seen.has(written))
  expect([...round(kills + 1)!.lines]).toEqual([written])
})
