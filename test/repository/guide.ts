import { readFileSync } from 'node:fs'

/** A guide whose fenced blocks are files (```ts file=path) and commands (```sh) with the output (```text) behind them. */
export interface Guide {
  readonly files: readonly { path: string; text: string }[]
  readonly commands: readonly { command: string; output: string }[]
}

export function readGuide(path: string): Guide {
  const text = readFileSync(path, 'utf8')
  const blocks = [...text.matchAll(/^```(\w+)(?: file=(\S+))?\n(.*?)^```$/gms)].map(([, language, path, body]) => ({
    language: language!,
    path,
    body: body!,
  }))
  const files = blocks.flatMap(({ path, body }) => (path ? [{ path, text: body }] : []))
  const commands = blocks.flatMap(({ language, body }, i) => {
    const next = blocks[i + 1]
    return language === 'sh' && next?.language === 'text' ? [{ command: body.trim(), output: next.body }] : []
  })
  return { files, commands }
}

/** Lines without what differs from run to run: stamps. */
export const withoutStamps = (text: string): string =>
  text.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d[+-]\d{4}/g, 'STAMP')
