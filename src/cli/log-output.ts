import { createWriteStream } from 'node:fs'

/**
 * Where lines of the agent's log go: `stderr`, `stdout` or files, which are appended to. Answers undefined for stderr
 * alone, the default. A file that cannot be written costs its lines, which are told on stderr, not the agent.
 */
export function logOutput(paths: readonly string[]): ((line: string) => void) | undefined {
  const all = [...new Set(paths)]
  if (all.length === 0 || (all.length === 1 && all[0] === 'stderr')) return undefined
  const streams = all.map((path) => {
    if (path === 'stderr') return process.stderr
    if (path === 'stdout') return process.stdout
    const file = createWriteStream(path.replace(/^file:\/\//, ''), { flags: 'a' })
    file.on('error', (error) => void process.stderr.write(`the log cannot be written to ${path}: ${error.message}\n`))
    return file
  })
  return (line) => {
    for (const stream of streams) stream.write(line)
  }
}
