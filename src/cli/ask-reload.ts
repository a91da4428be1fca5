import { safeText } from '../printing/safe-text.ts'
import { AgentError, type AgentFlags, askJson, oneAgent } from './admin-client.ts'
import { ExitCode } from './exit-codes.ts'
import type { ReloadOutcome } from './reload.ts'

/** Asks the running agent to read its configuration anew, and says what came of it. Reading a large one takes a while. */
export async function askReload(flags: AgentFlags): Promise<number> {
  const agent = await oneAgent(flags)
  const outcome = (await askJson(agent, 'POST', '/v1/commands/reload', {})) as ReloadOutcome
  const { result, text, changed, added, removed, kept, tookMs } = outcome
  if (result === 'failure') throw new AgentError(`process ${agent.pid} goes on as it was:\n${text}`)
  const parts = Object.entries({ changed, added, removed }).filter(([, keys]) => keys.length > 0)
  const lines = [
    `process ${agent.pid}: ${result === 'unchanged' ? 'nothing has changed' : `reloaded in ${Math.round(tookMs)} ms, ${kept} parts kept`}`,
    ...parts.map(([what, keys]) => `  ${what}: ${keys.join(', ')}`),
    ...(text === '' ? [] : text.split('\n')),
  ]
  process.stdout.write(`${lines.map(safeText).join('\n')}\n`)
  return ExitCode.ok
}
