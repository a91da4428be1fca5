/**
 * The syslog agent under a flood: 49 applications at 100 lines/s and one at 50,000/s, each with a drain of its own, the
 * flooder's reading slowly; then, with `stalled N`, N drains that accept and say nothing and 50,000 lines/s over all of them.
 *
 *     node --conditions=tailrace-source bench/syslog-fairness.ts [seconds]
 *     node --conditions=tailrace-source bench/syslog-fairness.ts stalled 1000 [seconds]
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer as createHttps } from 'node:https'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { frameMessage } from '../src/net/frames.ts'
import { newGrpcClient } from '../src/net/grpc-client.ts'
import { clientTls } from '../src/net/tls.ts'
import { issue, newAuthority } from '../src/runtime/certs.ts'
import { silentLog } from '../src/runtime/log.ts'
import { writeEnvelopes } from '../src/wire/write-envelope.ts'

const args = process.argv.slice(2)
const stalledCount = args[0] === 'stalled' ? Number(args[1] ?? 1000) : 0
const seconds = Number((stalledCount > 0 ? args[2] : args[0]) ?? 10)
/** Lines a second that the flooder's drain takes. */
const slowRate = 10_000
const floodRate = 50_000
const apps = Array.from({ length: stalledCount || 49 }, (_, i) => `app-${i}`)

const folder = mkdtempSync(join(tmpdir(), 'syslog-fairness-'))
const authority = newAuthority({ commonName: 'bench' })
const pair = issue(authority, { commonName: 'metron', names: ['metron', 'localhost'], ips: ['127.0.0.1'] })
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const files = { ca: file('ca', authority.cert), cert: file('cert', pair.cert), key: file('key', pair.key) }

const portOf = (server: Server) => (server.address() as AddressInfo).port
async function listening<T extends Server>(server: T): Promise<T> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', 4096, resolve))
  return server
}

/** Every line that arrived: when it was written, and whether the flooder wrote it. */
const latencies: number[] = []
let flooded = 0
function count(socket: Socket, bytes: Buffer): number {
  let lines = 0
  for (let at = bytes.indexOf('~'); at >= 0; at = bytes.indexOf('~', at + 1)) {
    lines++
    const sent = Number(bytes.toString('latin1', at + 1, at + 18))
    if (socket.localPort === portOf(slow)) flooded++
    else latencies.push(performance.now() - sent)
  }
  return lines
}
const quick = await listening(createServer((socket) => void socket.on('data', (bytes: Buffer) => count(socket, bytes))))
const slow: Server = await listening(
  createServer((socket) => {
    socket.on('error', () => {})
    if (stalledCount > 0) return void socket.pause()
    const began = performance.now()
    let lines = 0
    socket.on('data', (bytes: Buffer) => {
      lines += count(socket, bytes)
      const early = (lines / slowRate) * 1000 - (performance.now() - began)
      if (early < 5) return
      socket.pause()
      setTimeout(() => socket.resume(), early)
    })
  }),
)
const drain = (server: Server, of: readonly string[]) => ({
  // Mute at once: what a socket's buffers take would hide the stall for minutes.
  url: `${stalledCount > 0 ? 'syslog-tls' : 'syslog'}://127.0.0.1:${portOf(server)}`,
  credentials: [{ cert: '', key: '', ca: '', apps: of.map((app_id) => ({ app_id, hostname: 'o.s.a' })) }],
})
const bindings = stalledCount > 0 ? [drain(slow, apps)] : [drain(quick, apps), drain(slow, ['flooder'])]
const cache = await listening(
  createHttps(pair, ({ url }, response) => void response.end(url === '/v2/bindings' ? JSON.stringify(bindings) : '[]')),
)
const port = await listening(createServer()).then(async (server) => {
  const free = portOf(server)
  await new Promise((resolve) => server.close(resolve))
  return free
})
const tlsVariables = (name: string) => ({
  [`${name}_CA_FILE_PATH`]: files.ca,
  [`${name}_CERT_FILE_PATH`]: files.cert,
  [`${name}_KEY_FILE_PATH`]: files.key,
})
const agent = spawn('bin/tailrace', ['run', 'config/syslog-agent.yaml'], {
  stdio: ['ignore', 'ignore', 'pipe'],
  env: {
    ...process.env,
    ...tlsVariables('AGENT'),
    ...tlsVariables('METRICS'),
    ...tlsVariables('CACHE'),
    AGENT_PORT: String(port),
    LOGGREGATOR_AGENT_ADDR: `127.0.0.1:${port}`,
    CACHE_URL: `https://127.0.0.1:${portOf(cache)}`,
    CACHE_COMMON_NAME: 'localhost',
  },
})
await new Promise<void>((resolve) => agent.stderr.on('data', (text) => String(text).includes('ready:') && resolve()))

const tls = clientTls({ ca: files.ca, cert: files.cert, key: files.key })
const client = newGrpcClient({ address: `127.0.0.1:${port}`, tls, serverName: 'metron', log: silentLog })
const stream = client.clientStream('/loggregator.v2.Ingress/BatchSender')
const padding = 'x'.repeat(150)
const stamp = () => `~${performance.now().toFixed(6).padStart(17, '0')}`
const envelope = (sourceId: string, text: string) => ({
  head: {
    timestamp: 0n,
    sourceId,
    instanceId: '0',
    tags: { app_name: 'dora', space_name: 's', organization_name: 'o' },
  },
  message: { log: { payload: text } },
})
const loud = frameMessage(
  writeEnvelopes(Array.from({ length: 100 }, () => envelope('flooder', `~0000000000000000 ${padding}`))),
)
const spread = apps.map((app) => envelope(app, padding))
const chunks = Array.from({ length: Math.ceil(spread.length / 100) }, (_, i) =>
  frameMessage(writeEnvelopes(spread.slice(i * 100, i * 100 + 100))),
)

const sent = { quiet: 0, loud: 0 }
let rss = 0
let next = 0
const began = performance.now()
while (performance.now() - began < seconds * 1000) {
  const passed = performance.now() - began
  if (stalledCount === 0) {
    while (sent.quiet < (passed / 1000) * 4900) {
      stream.write(frameMessage(writeEnvelopes(apps.map((app) => envelope(app, `${stamp()} ${padding}`)))))
      sent.quiet += apps.length
    }
    for (; sent.loud < (passed / 1000) * floodRate; sent.loud += 100) if (!(await written(loud))) break
  } else {
    for (; sent.loud < (passed / 1000) * floodRate; sent.loud += 100)
      if (!(await written(chunks[next++ % chunks.length]!))) break
  }
  rss = Math.max(rss, residentMiB())
  await new Promise((resolve) => setTimeout(resolve, 2))
}
await new Promise((resolve) => setTimeout(resolve, 1500))
latencies.sort((a, b) => a - b)
const quantile = (q: number) => latencies[Math.floor((latencies.length - 1) * q)]?.toFixed(1)
process.stdout.write(
  stalledCount > 0
    ? `${stalledCount} stalled drains, ${sent.loud} lines in ${seconds} s: at most ${rss} MiB resident\n`
    : `49 quiet: ${sent.quiet} sent, ${sent.quiet - latencies.length} lost, p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms; ` +
        `flooder: ${sent.loud} sent, ${flooded} arrived; ${rss} MiB resident\n`,
)
agent.kill()
process.exit(0)

function written(message: Buffer): Promise<boolean> {
  return new Promise((resolve) => stream.write(message, (error) => resolve(!error)))
}

function residentMiB(): number {
  const line = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${agent.pid}/status`, 'utf8'))
  return Math.round(Number(line?.[1] ?? 0) / 1024)
}
