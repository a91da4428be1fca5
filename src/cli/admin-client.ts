import { accessSync, constants, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { likelyFolders, socketsIn, surroundings, whyStrange } from '../admin/socket-place.ts'

/** Which running agent is meant. */
export interface AgentFlags {
  /** A socket, a folder of sockets, or `https://host:port`. */
  readonly admin?: string
  readonly pid?: string
  /** For https: PEM files. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/** An agent that can be asked. */
export interface RunningAgent {
  /** Socket or URL. */
  readonly where: string
  readonly name: string
  readonly pid: number
  readonly version: string
  readonly configuration: readonly string[]
  readonly commands: readonly string[]
  open(method: 'GET' | 'POST', path: string): Promise<ClientRequest>
}

type Open = RunningAgent['open']

/** What an agent said when it could not do what it was asked; the message is its sentence. */
export class AgentError extends Error {}

/** Every agent that the flags can mean. Throws a sentence when there is none, or when it may not be asked. */
export async function findAgents(flags: AgentFlags): Promise<RunningAgent[]> {
  const admin = flags.admin ?? process.env.TAILRACE_ADMIN
  if (admin && /^https?:\/\//.test(admin)) return withPid([await introduced(admin, await byHttps(admin, flags))], flags)
  if (admin && !isFolder(admin)) return withPid([await introduced(admin, bySocket(admin))], flags)
  const folders = admin ? [admin] : likelyFolders(surroundings())
  const paths = folders.flatMap(socketsIn)
  const met = await Promise.allSettled(paths.map((path) => introduced(path, bySocket(path))))
  const agents = met.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  // Sockets of agents that were killed do not count.
  const failed = met.flatMap((each) =>
    each.status === 'rejected' && !isDead(each.reason) ? [String(each.reason.message)] : [],
  )
  if (agents.length > 0) {
    for (const message of failed) process.stderr.write(`${message}\n`)
    return withPid(agents, flags)
  }
  if (failed.length > 0) throw new AgentError(failed.join('\n'))
  const closed = folders.filter((folder) => !isOpen(folder))
  if (closed.length > 0) throw new AgentError(`${closed.join(', ')} belongs to another user: try sudo`)
  throw new AgentError(
    `no running agent was found in ${folders.join(', ')}: start one (tailrace run FILE), or name its socket with --admin`,
  )
}

const isDead = ({ cause }: Error) =>
  ['ENOENT', 'ECONNREFUSED'].includes((cause as NodeJS.ErrnoException | undefined)?.code ?? '')

/** False: it is there, and may not be looked into. */
function isOpen(folder: string): boolean {
  try {
    accessSync(folder, constants.R_OK | constants.X_OK)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

function withPid(agents: readonly RunningAgent[], { pid: wanted }: AgentFlags): RunningAgent[] {
  const meant = agents.filter(({ pid }) => wanted === undefined || String(pid) === wanted)
  if (meant.length > 0) return meant
  throw new AgentError(`no agent with process id ${wanted} was found; there are ${listed(agents)}`)
}

/** The one agent that the flags mean. */
export async function oneAgent(flags: AgentFlags): Promise<RunningAgent> {
  const agents = await findAgents(flags)
  if (agents.length > 1) throw new AgentError(`several agents run: choose one with --pid: ${listed(agents)}`)
  return agents[0]!
}

const listed = (agents: readonly RunningAgent[]) => agents.map(({ name, pid }) => `${pid} (${name})`).join(', ')

/** Asks, and reads the JSON of the answer. */
export async function askJson(
  agent: Pick<RunningAgent, 'where' | 'open'>,
  method: 'GET' | 'POST',
  path: string,
  input?: object,
): Promise<unknown> {
  const response = await ask(agent, method, path, input)
  const value = parsed(await textOf(response), agent.where)
  if (response.statusCode === 200) return value
  throw new AgentError((value as { error?: string }).error ?? `it answered ${response.statusCode}`)
}

/** Asks for something that goes on, and hands over each line until `signal` aborts or the agent ends. */
export async function askLines(
  agent: RunningAgent,
  path: string,
  take: (value: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  const response = await ask(agent, 'GET', path)
  if (response.statusCode !== 200) {
    const { error } = parsed(await textOf(response), agent.where) as { error?: string }
    throw new AgentError(error ?? `it answered ${response.statusCode}`)
  }
  const end = () => void response.destroy()
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  try {
    await eachLine(response, (line) => {
      if (!signal.aborted) take(parsed(line, agent.where))
    })
  } finally {
    signal.removeEventListener('abort', end)
  }
}

/** Resolves when the stream has ended or was cut off; what stands behind the last line break is left out. */
function eachLine(response: IncomingMessage, take: (line: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let rest = ''
    response.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop()!
      try {
        for (const line of lines) take(line)
      } catch (error) {
        response.destroy()
        reject(error as Error)
      }
    })
    response.on('error', () => {})
    response.on('close', resolve)
  })
}

async function ask(
  { open, where }: Pick<RunningAgent, 'where' | 'open'>,
  method: 'GET' | 'POST',
  path: string,
  input?: object,
): Promise<IncomingMessage> {
  const request = await open(method, path)
  return new Promise((resolve, reject) => {
    request.on('response', resolve)
    request.on('error', (error: NodeJS.ErrnoException) =>
      reject(new AgentError(`${where}: ${whyNot(error)}`, { cause: error })),
    )
    if (input === undefined) return request.end()
    request.setHeader('content-type', 'application/json')
    request.end(JSON.stringify(input))
  })
}

function whyNot({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'there is no such socket'
  if (code === 'ECONNREFUSED') return 'nobody answers there: the agent has ended'
  if (code === 'EACCES' || code === 'EPERM') return `it belongs to another user (${code}): try sudo`
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'the agent ended the conversation'
  return message
}

async function introduced(where: string, open: Open): Promise<RunningAgent> {
  const { agent, commands } = (await askJson({ where, open }, 'GET', '/')) as {
    agent: RunningAgent
    commands: string[]
  }
  return {
    where,
    name: agent.name,
    pid: agent.pid,
    version: agent.version,
    configuration: agent.configuration,
    commands,
    open,
  }
}

const isFolder = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

/** Headers must have come within this time, for who somebody is and for all else. */
const introductionMs = 5000
const answerMs = 60_000

function bySocket(socketPath: string): Open {
  return async (method, path) => {
    const strange = surroundings().uid === 0 ? whyStrange(socketPath) : undefined
    if (strange !== undefined) throw new AgentError(strange)
    const { request } = await import('../net/node-http.ts')
    return limited(request({ socketPath, method, path, agent: false, headers: { host: 'localhost' } }), path)
  }
}

async function byHttps(url: string, { ca, cert, key }: AgentFlags): Promise<Open> {
  const { request } = await import('node:https')
  if (!url.startsWith('https:')) throw new AgentError(`${url}: the port of an agent is asked by https`)
  if (!ca || !cert || !key) throw new AgentError(`${url}: say who you are with --ca, --cert and --key (PEM files)`)
  const read = (path: string) => readFile(path, 'utf8')
  const identity = { ca: await read(ca), cert: await read(cert), key: await read(key) }
  return async (method, path) => limited(request(new URL(path, url), { ...identity, method, agent: false }), path)
}

function limited(request: ClientRequest, path: string): ClientRequest {
  const ms = path === '/' ? introductionMs : answerMs
  const late = () => new Error(`no answer came within ${ms / 1000} s: the agent is there and does not get round to it`)
  const timer = setTimeout(() => request.destroy(late()), ms)
  const over = () => clearTimeout(timer)
  return request.on('response', over).on('close', over)
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  response.setEncoding('utf8')
  for await (const part of response as AsyncIterable<string>) text += part
  return text
}

function parsed(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new AgentError(`${where}: what answers there is no tailrace`)
  }
}
