/**
 * Writes the package's JavaScript to dist: few files that share one copy of every module, one chunk per component, so
 * that a start reads little. `tsc` writes the declarations beside it. Run by `npm run build`.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'rolldown'

const root = resolve(import.meta.dirname, '..')

/** Small, read by every start, and smaller still inside a bundle. Everything else stays a package beside us. */
const bundled = ['commander', 'yaml', 'zod']

/** What plugins import is the very file that the core's chunks share. */
const api = { 'tailrace/plugin': 'src/plugin.ts', 'tailrace/plugin/net': 'src/plugin-net.ts' }

rmSync(join(root, 'dist'), { recursive: true, force: true })
await build({
  cwd: root,
  platform: 'node',
  input: {
    'src/main': 'src/main.ts',
    'src/plugin': 'src/plugin.ts',
    'src/plugin-net': 'src/plugin-net.ts',
    'src/cli/reading-thread': 'src/cli/reading-thread.ts',
  },
  resolve: { alias: Object.fromEntries(Object.entries(api).map(([name, path]) => [name, join(root, path)])) },
  external: (id) => /^[@a-z]/.test(id) && !(id in api) && !bundled.includes(id.split('/')[0]!),
  output: {
    dir: 'dist',
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    comments: { legal: true },
    minify: false,
    codeSplitting: {
      groups: [
        {
          name: 'core',
          test: /src\/(config|delivery|engine|telemetry)\/|src\/runtime\/(clock|log|metrics)|wire\/protobuf/,
        },
        { name: 'net', test: /src\/net\// },
      ],
    },
  },
})

const licences = bundled.map((name) => {
  const dir = join(root, 'node_modules', name)
  const { version } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as { version: string }
  return `${name} ${version}\n\n${readFileSync(join(dir, 'LICENSE'), 'utf8').trim()}\n`
})
writeFileSync(join(root, 'dist', 'THIRD-PARTY.txt'), licences.join(`\n${'-'.repeat(80)}\n\n`))
