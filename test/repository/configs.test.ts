import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readConfiguration } from '../../src/cli/configuration.ts'
import { formatProblems } from '../../src/config/diagnostics.ts'
import { root } from './process.ts'
import { componentFolders } from './readmes.ts'

const roles = readdirSync(join(root, 'config')).map((file) => join('config', file))
const samples = componentFolders().map((folder) => join(folder, 'sample.yaml'))

/** Variables that a role insists on (`${env:NAME:?}`), with values that are valid for all of them. */
function required(file: string): Record<string, string> {
  const text = readFileSync(join(root, file), 'utf8')
  return Object.fromEntries([...text.matchAll(/\$\{env:(\w+):\?/g)].map(([, name]) => [name!, sampleValue(name!)]))
}

function sampleValue(name: string): string {
  if (/ADDR|HOST/.test(name)) return '127.0.0.1:1'
  if (/_URL$/.test(name)) return 'https://127.0.0.1:1'
  return /_PORT$/.test(name) ? '1' : 'x'
}

test.each([...roles, ...samples])('%s is valid, without a warning', async (file) => {
  const before = { ...process.env }
  Object.assign(process.env, required(file))
  try {
    const { problems, warnings } = await readConfiguration([join(root, file)], [])
    expect(formatProblems([...problems, ...warnings])).toBe('')
  } finally {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
    Object.assign(process.env, before)
  }
})
