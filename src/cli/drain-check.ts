import { readFileSync } from 'node:fs'
import { parseDuration } from '../config/units.ts'
import { parseDenyRanges } from '../drains/deny-ranges.ts'
import { type DrainReport, probeDrain } from '../drains/probe-drain.ts'
import { newResolver } from '../net/resolver.ts'
import { newTlsContexts } from '../net/tls-contexts.ts'
import { ExitCode } from './exit-codes.ts'

export interface DrainCheckFlags {
  ca?: string
  cert?: string
  key?: string
  deny: string
  timeout: string
  send?: boolean
  json?: boolean
  insecure?: boolean
}

/** Tries a drain URL step by step and says in one sentence what is wrong and what to do. Prints no secrets. */
export async function drainCheck(url: string, flags: DrainCheckFlags): Promise<number> {
  let options: Omit<Parameters<typeof probeDrain>[0], 'url'>
  try {
    options = optionsOf(flags)
  } catch (error) {
    process.stderr.write(`tailrace: ${(error as Error).message}\n`)
    return ExitCode.usage
  }
  const report = await probeDrain({ url, ...options })
  process.stdout.write(flags.json ? `${JSON.stringify(report, undefined, 2)}\n` : reportText(report))
  return report.ok ? ExitCode.ok : ExitCode.failed
}

function optionsOf({ ca, cert, key, deny, timeout, send, insecure }: DrainCheckFlags) {
  const timeoutMs = parseDuration(timeout)
  if (typeof timeoutMs !== 'number' || timeoutMs <= 0)
    throw new Error(`--timeout takes a duration such as 10s, not "${timeout}"`)
  if (!cert !== !key)
    throw new Error('--cert and --key go together: a drain uses a client certificate only with its key')
  return {
    pems: { ca: pem('--ca', ca), cert: pem('--cert', cert), key: pem('--key', key) },
    deny: parseDenyRanges(deny),
    timeoutMs,
    send: send ?? false,
    resolver: newResolver({ timeoutMs }),
    contexts: newTlsContexts({ insecureSkipVerify: insecure ?? false }),
  }
}

function pem(flag: string, path: string | undefined): string {
  if (path === undefined) return ''
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`${flag}: ${(error as Error).message}`)
  }
}

/** One line a step, and below it what to do. */
export function reportText({ steps, ok, url }: DrainReport): string {
  const lines = steps.flatMap(({ step, verdict, text, advice }) => {
    const head = `${verdict.padEnd(5)} ${step.padEnd(5)} ${text}`
    return advice ? [head, `${' '.repeat(12)}-> ${advice}`] : [head]
  })
  return `${lines.join('\n')}\n${ok ? `${url} works as far as it was tried` : 'this drain does not work'}\n`
}
