import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { pinned } from './pinned.ts'

const root = new URL('..', import.meta.url).pathname

/** A running role under test. */
export interface RoleProcess {
  readonly pid: number
  /** From the start of the process to the line that says it is ready, in milliseconds. */
  readonly readyMs: number
  readonly lines: readonly string[]
  /** The first line that matches: its first group. */
  find(pattern: RegExp): string
  stop(): Promise<void>
}

/**
 * Starts `bin/tailrace run FILE` on CPU 0 with exactly these variables (and NODE_OPTIONS from
 * ROLE_NODE_OPTIONS, for profiles); resolves when it is ready.
 */
export async function startRole(file: string, env: Record<string, string>): Promise<RoleProcess> {
  const [command, args] = pinned(0, 'bin/tailrace', ['run', file])
  const began = performance.now()
  const child = spawn(command, args, {
    cwd: root,
    env: { PATH: process.env.PATH ?? '', NODE_OPTIONS: process.env.ROLE_NODE_OPTIONS ?? '', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  const lines: string[] = []
  const ended = once(child, 'exit')
  const readyMs = await new Promise<number>((resolve, reject) => {
    createInterface({ input: child.stderr! }).on('line', (line) => {
      lines.push(line)
      if (line.includes('ready: everything is running')) resolve(performance.now() - began)
    })
    child.once('exit', () => reject(new Error(`${file} did not start:\n${lines.join('\n')}`)))
  })
  return {
    pid: child.pid!,
    readyMs,
    lines,
    find(pattern) {
      for (const line of lines) {
        const found = pattern.exec(line)?.[1]
        if (found) return found
      }
      throw new Error(`${file} printed nothing like ${pattern}:\n${lines.join('\n')}`)
    },
    async stop() {
      child.kill('SIGTERM')
      await ended
      process.off('exit', kill)
    },
  }
}
