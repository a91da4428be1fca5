import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Resolver } from '../net/resolver.ts'
import { type DialError, dialTcp } from '../net/tcp-dial.ts'
import type { TlsContexts, Trust } from '../net/tls-contexts.ts'
import type { DenyRanges } from './deny-ranges.ts'
import { type DrainUrl, isDrainFault, parseDrainUrl } from './drain-url.ts'
import { adviceFor } from './probe-advice.ts'
import { probeHttp, probeLine } from './probe-send.ts'

export interface ProbeOptions {
  url: string
  /** PEM texts, or empty. */
  pems: { ca: string; cert: string; key: string }
  deny: DenyRanges
  /** For each step. */
  timeoutMs: number
  /** Also send a test line; without it nothing that the drain would keep. */
  send: boolean
  resolver: Resolver
  contexts: TlsContexts
}

export type ProbeStep = 'url' | 'certs' | 'dns' | 'deny' | 'tcp' | 'tls' | 'http' | 'send'

export interface StepResult {
  readonly step: ProbeStep
  readonly verdict: 'ok' | 'warn' | 'FAIL'
  readonly text: string
  /** What to do about it. */
  readonly advice?: string
}

export interface DrainReport {
  /** Without user, password and query. */
  readonly url: string
  readonly ok: boolean
  readonly steps: readonly StepResult[]
}

/** Thrown to end the probe: its step failed. */
class Failed extends Error {
  readonly result: StepResult

  constructor(step: ProbeStep, text: string, code: string) {
    super(text)
    this.result = { step, verdict: 'FAIL', text, advice: adviceFor(step, code) }
  }
}

/** Tries a drain as an agent would, one step after the other, up to the first that fails. Never rejects. */
export async function probeDrain(options: ProbeOptions): Promise<DrainReport> {
  const steps: StepResult[] = []
  const parsed = parseDrainUrl(options.url, { defaultMetadata: true })
  try {
    if (isDrainFault(parsed)) throw new Failed('url', parsed.message, (parsed as { fault: string }).fault)
    await probe(parsed as DrainUrl, options, steps)
  } catch (error) {
    const unforeseen: StepResult = {
      step: 'url',
      verdict: 'FAIL',
      text: 'the probe itself failed',
      advice: String(error),
    }
    steps.push(error instanceof Failed ? error.result : unforeseen)
  }
  return { url: parsed.clean, ok: steps.every(({ verdict }) => verdict !== 'FAIL'), steps }
}

async function probe(url: DrainUrl, options: ProbeOptions, steps: StepResult[]): Promise<void> {
  const ok = (step: ProbeStep, text: string) => steps.push({ step, verdict: 'ok', text })
  ok('url', `${url.clean} gets ${parametersText(url)}`)
  const secure = url.scheme !== 'syslog'
  const trust = secure ? trustOf(url, options) : undefined
  const addresses = await lookUp(url, options)
  ok('dns', `${url.host} is ${addresses.join(', ')}`)
  const denied = addresses.find((ip) => options.deny.denies(ip))
  if (denied !== undefined) throw new Failed('deny', `${denied} is in a range that drains may not reach`, 'denied')
  if (!options.deny.isEmpty) ok('deny', 'no address is in a denied range')
  const socket = await connect(url, addresses, trust, options)
  try {
    ok('tcp', `${socket.remoteAddress}:${url.port} accepts connections`)
    if (socket instanceof TLSSocket) steps.push(tlsResult(socket, trust!))
    steps.push(...(await talk(url, socket, options)))
  } finally {
    socket.destroy()
  }
}

function trustOf(url: DrainUrl, { contexts, pems }: ProbeOptions): Trust {
  try {
    return contexts.trust({ ...pems, profile: url.parameters.strictInternal ? 'internal' : 'external' })
  } catch (error) {
    const { message } = error as Error
    throw new Failed(
      'certs',
      `the given certificates cannot be used: ${message}`,
      /root CA/.test(message) ? 'ca' : 'pair',
    )
  }
}

async function lookUp(url: DrainUrl, { resolver }: ProbeOptions): Promise<readonly string[]> {
  try {
    return await resolver.resolve(url.host)
  } catch (error) {
    throw new Failed('dns', (error as Error).message, (error as { kind?: string }).kind ?? 'server')
  }
}

async function connect(
  url: DrainUrl,
  addresses: readonly string[],
  trust: Trust | undefined,
  { deny, timeoutMs }: ProbeOptions,
): Promise<Socket> {
  try {
    return await dialTcp({
      host: url.host,
      port: url.port,
      resolver: { resolve: async () => addresses },
      allows: (ip) => !deny.denies(ip),
      timeoutMs,
      ...(trust && { tls: { trust } }),
    })
  } catch (error) {
    const { step, code, message } = error as DialError
    throw new Failed(step === 'denied' ? 'deny' : step, message, code)
  }
}

async function talk(url: DrainUrl, socket: Socket, { send, timeoutMs }: ProbeOptions): Promise<StepResult[]> {
  const http = url.scheme.startsWith('https')
  const said = http ? await probeHttp(url, socket, send, timeoutMs) : await probeLine(socket, send)
  const step: ProbeStep = http ? 'http' : 'send'
  if (said.code !== 'ok' && said.code !== 'unsure') throw new Failed(step, said.text, said.code)
  if (said.code === 'ok') return [{ step, verdict: 'ok', text: said.text }]
  return [{ step, verdict: 'warn', text: said.text, advice: adviceFor(step, said.code) }]
}

const DAY = 86_400_000

function tlsResult(socket: TLSSocket, trust: Trust): StepResult {
  const certificate = socket.getPeerCertificate()
  const until = new Date(certificate.valid_to)
  const days = Math.floor((until.getTime() - Date.now()) / DAY)
  const about = `${socket.getProtocol()} with ${socket.getCipher().name}, certificate valid until ${until.toISOString().slice(0, 10)}`
  if (trust.insecureSkipVerify && !socket.authorized)
    return { step: 'tls', verdict: 'warn', text: `${about}, NOT verified`, advice: adviceFor('tls', 'skipped') }
  if (days < 14)
    return { step: 'tls', verdict: 'warn', text: `${about}: ${days} days`, advice: adviceFor('tls', 'soon') }
  return { step: 'tls', verdict: 'ok', text: about }
}

const classTexts = {
  logs: 'logs and events',
  logs_no_events: 'logs',
  metrics: 'counters and gauges',
  logs_and_metrics: 'logs, counters and gauges',
  traces: 'timers',
  all: 'everything',
}

function parametersText({ parameters }: DrainUrl): string {
  const { drainClass, metadata, strictInternal, includeLogTypes, excludeLogTypes } = parameters
  const parts = [classTexts[drainClass], metadata ? 'with tags' : 'without tags']
  if (includeLogTypes) parts.push(`logs only of ${[...includeLogTypes].join(', ')}`)
  if (excludeLogTypes) parts.push(`no logs of ${[...excludeLogTypes].join(', ')}`)
  if (strictInternal) parts.push('internal TLS profile')
  return parts.join(', ')
}
