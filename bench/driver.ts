import { type ChildProcess, spawn } from 'node:child_process'
import type { Request } from './driver/main.ts'
import type { StepResult, StepSpec } from './driver/step.ts'
import { pinned } from './pinned.ts'

/** The load process, seen from the one that conducts the bench. */
export interface Driver {
  ask(request: Request): Promise<unknown>
  step(step: StepSpec): Promise<StepResult>
  end(): void
}

/** Starts it on CPU 1. */
export function startDriver(): Driver {
  const main = new URL('./driver/main.ts', import.meta.url).pathname
  const flags = ['--conditions=tailrace-source', '--disable-warning=ExperimentalWarning', '--max-semi-space-size=16']
  const [command, args] = pinned(1, process.execPath, [...flags, main])
  const child: ChildProcess = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const waiting: ((answer: { result?: unknown; error?: string }) => void)[] = []
  child.on('message', (answer: { result?: unknown; error?: string }) => waiting.shift()?.(answer))
  child.on('exit', () => {
    for (const answer of waiting.splice(0)) answer({ error: 'the load process has ended' })
  })
  const ask = (request: Request) =>
    new Promise<unknown>((resolve, reject) => {
      waiting.push(({ result, error }) => (error ? reject(new Error(error)) : resolve(result)))
      child.send(request)
    })
  return {
    ask,
    step: async (step) => (await ask({ do: 'step', step })) as StepResult,
    end: () => void (child.connected && child.disconnect()),
  }
}
