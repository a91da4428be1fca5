import { readFileSync } from 'node:fs'

/** A recorded case: the exact bytes that went in and those that came out. */
export interface Golden {
  name: string
  settings: Record<string, string>
  input: Buffer
  output: Buffer[]
  /** What the original logged, if it matters. */
  log: string | undefined
  /** Names of the gRPC methods the outputs were sent to. */
  methods: string[]
}

/** Cases of `test/testdata/<name>.jsonl`. */
export function readGolden(name: string): Golden[] {
  const lines = readFileSync(new URL(`../testdata/${name}.jsonl`, import.meta.url), 'utf8')
    .trim()
    .split('\n')
  return lines.map((line) => {
    const row = JSON.parse(line)
    return {
      name: row.name,
      settings: row.settings ?? {},
      input: Buffer.from(row.input, 'base64'),
      output: row.output.map((text: string) => Buffer.from(text, 'base64')),
      log: row.log,
      methods: row.methods ?? [],
    }
  })
}
