import { type ChildProcess, spawn } from 'node:child_process'
import { resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '..', '..')
export const tailrace = resolve(root, 'bin', 'tailrace')

export interface Run {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  /** Resolves when the output, of both streams together, matches. Rejects when the process ends before. */
  until(pattern: RegExp | ((stdout: string) => boolean)): Promise<void>
  /** Sends the signal and waits for the end; answers the exit code. */
  end(signal?: NodeJS.Signals): Promise<number>
  /** Waits for the end; answers the exit code. */
  done: Promise<number>
}

export interface RunOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  command?: string
}

/** Runs the real thing. */
export function runTailrace(args: readonly string[], options: RunOptions = {}): Run {
  const { cwd = root, env = process.env, command = tailrace } = options
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err, ended] = ['', '', false]
  const waiting = new Set<() => void>()
  const notify = () => {
    for (const look of waiting) look()
  }
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk
    notify()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk
    notify()
  })
  const done = new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      ended = true
      resolve(code ?? (signal === null ? -1 : 128))
      notify()
    })
  })
  const until: Run['until'] = (pattern) =>
    new Promise((resolve, reject) => {
      const matches = typeof pattern === 'function' ? () => pattern(out) : () => pattern.test(out + err)
      const look = () => {
        if (!matches() && !ended) return
        waiting.delete(look)
        if (matches()) resolve()
        else reject(new Error(`ended without ${pattern}:\n${out}${err}`))
      }
      waiting.add(look)
      look()
    })
  return {
    child,
    stdout: () => out,
    stderr: () => err,
    until,
    done,
    end(signal = 'SIGTERM') {
      child.kill(signal)
      return done
    },
  }
}
