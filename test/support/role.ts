import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:https'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import { certificate, pemOf } from './certificates.ts'
import { type Page, parsePage } from './page.ts'

const root = new URL('../../', import.meta.url).pathname

/** How a process ended. */
export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  /** From the signal to the end, in milliseconds. */
  tookMs: number
}

/** A running tailrace. */
export interface Role {
  readonly pid: number
  /** Everything it printed so far, line by line, without the stamps. */
  readonly lines: string[]
  /** The stamps of these lines, where they have one. */
  readonly stamps: string[]
  /** The first line that matches, printed already or to come. Rejects when the process ends without it. */
  line(pattern: RegExp): Promise<RegExpMatchArray>
  /** `127.0.0.1:40123` from the line that says where it listens. */
  address(pattern: RegExp): Promise<string>
  /** Where the gRPC ingress listens. */
  grpc(): Promise<string>
  udp(): Promise<string>
  /** The metrics page, by mTLS. */
  metrics(): Promise<Page>
  /** Reads the page until it says so. */
  metricsUntil(enough: (page: Page) => boolean): Promise<Page>
  /** SIGTERM, or another signal; resolves when it has ended. */
  stop(signal?: NodeJS.Signals): Promise<Ended>
  signal(signal: NodeJS.Signals): void
  readonly ended: Promise<Ended>
  /** What it wrote to stdout. */
  stdout(): string
}

export interface RoleOptions {
  /** More arguments behind the file. */
  args?: readonly string[]
  /** Do not wait until everything runs. */
  starting?: boolean
}

const stamp = /^(\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT[\d:.]+Z) /
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts `config/<name>.yaml` (or a file by its path) with exactly these variables and waits until it runs. */
export async function startRole(name: string, env: Record<string, string>, options: RoleOptions = {}): Promise<Role> {
  const file = name.includes('/') ? name : `config/${name}.yaml`
  const role = startProcess(['run', file, ...(options.args ?? [])], env)
  if (!options.starting) await role.line(/^ready: everything is running/)
  return role
}

/** Starts `bin/tailrace` with these arguments and nothing else in its environment; killed at the end of the test. */
export function startProcess(args: readonly string[], env: Record<string, string> = {}): Role {
  const child = spawn('bin/tailrace', args, {
    cwd: root,
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  const lines: string[] = []
  const stamps: string[] = []
  const listeners = new Set<() => void>()
  let stdout = ''
  let askedAt = performance.now()
  let over = false
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  const reader = createInterface({ input: child.stderr! })
  reader.on('line', (line) => {
    const [, at] = stamp.exec(line) ?? []
    if (at) stamps.push(at)
    lines.push(line.replace(stamp, ''))
    for (const listener of [...listeners]) listener()
  })
  const ended = once(child, 'close').then(([code, signal]): Ended => {
    over = true
    running.delete(child)
    for (const listener of [...listeners]) listener()
    return { code, signal, tookMs: performance.now() - askedAt }
  })
  const line = (pattern: RegExp) =>
    new Promise<RegExpMatchArray>((resolve, reject) => {
      let from = 0
      const look = () => {
        for (; from < lines.length; from++) {
          const found = lines[from]!.match(pattern)
          if (!found) continue
          listeners.delete(look)
          return resolve(found)
        }
        if (!over) return
        listeners.delete(look)
        reject(new Error(`the process ended without a line like ${pattern}:\n${lines.join('\n')}`))
      }
      listeners.add(look)
      look()
    })
  const address = async (pattern: RegExp) => (await line(pattern))[1]!
  const role: Role = {
    pid: child.pid!,
    lines,
    stamps,
    line,
    address,
    grpc: () => address(/^grpc bound to: (\S+)$/),
    udp: () => address(/^udp bound to: (\S+)$/),
    metrics: async () => parsePage(await fetchMetrics(await address(/^Metrics endpoint is listening on (\S+)$/))),
    async metricsUntil(enough) {
      for (;;) {
        const page = await role.metrics()
        if (enough(page)) return page
        await pause()
      }
    },
    signal(signal) {
      askedAt = performance.now()
      child.kill(signal)
    },
    stop(signal = 'SIGTERM') {
      if (!over) role.signal(signal)
      return ended
    },
    ended,
    stdout: () => stdout,
  }
  onTestFinished(async () => void (await role.stop('SIGKILL')))
  return role
}

/** A little later. Only for questions that have no event: pages of another process, files of the kernel. */
export const pause = (ms = 20): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Asks until the answer is yes; gives up with `what` after a time that no healthy machine needs. */
export async function until(what: string, ask: () => boolean | Promise<boolean>, withinMs = 100_000): Promise<void> {
  const end = performance.now() + withinMs
  while (!(await ask())) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`)
    await pause(5)
  }
}

/** The text of a metrics page by HTTPS with a client certificate. */
export function fetchMetrics(
  address: string,
  client = pemOf(certificate('client')),
  path = '/metrics',
): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { ...client, servername: 'localhost', agent: false }
    const asked = request(`https://${address}${path}`, options, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text)
        else reject(new Error(`${path} answered ${response.statusCode}: ${text}`))
      })
    })
    asked.on('error', reject).end()
  })
}
