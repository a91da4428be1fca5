/**
 * `npm run bench [-- NAME...] [-- --quick] [-- --realtime] [-- --list] [-- --save FILE] [-- --base FILE] [-- --docs FILE]`: what each role costs, as a
 * real process with real certificates under load from another process. NAME picks rows by a part of their name;
 * `idle` and `micro` pick those parts. How to read it: docs/performance.md.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { startDriver } from './driver.ts'
import { newBench } from './measure.ts'
import { pinned, pinning } from './pinned.ts'
import { type Baseline, idleLine, idleTitle, rowLine, rowTitle } from './report.ts'
import { type RoleName, roles } from './roles.ts'
import { rows } from './rows.ts'
import { withFigures } from './tables.ts'

const { values: options, positionals: picks } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    realtime: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    save: { type: 'string' },
    docs: { type: 'string' },
    base: { type: 'string', default: 'bench/baseline.json' },
  },
})

const picked = (name: string) => picks.length === 0 || picks.some((pick) => name.includes(pick))
const micro = readdirSync(new URL('./micro/', import.meta.url)).filter((file) => file.endsWith('.ts'))
const idleRoles = (Object.keys(roles) as RoleName[]).filter((role) => !role.includes(' '))

/** A micro bench that does not come back must not hold up the others. */
const microTimeoutMs = 120_000

if (options.list) list()
else await main()

function list(): void {
  for (const { name } of rows) console.log(name)
  for (const role of idleRoles) console.log(`idle ${role}`)
  for (const file of micro) console.log(`micro/${file}`)
}

async function main(): Promise<void> {
  const base = readBase(options.base)
  const result: Baseline = { date: new Date().toISOString(), node: process.version, rows: {}, idle: {} }
  console.log(`Node ${process.version}, ${pinning}${options.quick ? ', quick: figures are rough' : ''}`)
  const driver = startDriver()
  const bench = newBench(driver)
  try {
    await measureRows(bench, base, result)
    await measureIdle(bench, base, result)
  } finally {
    driver.end()
    bench.end()
  }
  save(result)
  for (const file of micro) if (picks.length === 0 ? !options.quick : picked(`micro/${file}`)) runMicro(file)
}

async function measureRows(bench: ReturnType<typeof newBench>, base: Baseline | undefined, result: Baseline) {
  const chosen = rows.filter(({ name, long }) => picked(name) && !(long && picks.length === 0))
  if (chosen.length > 0) console.log(rowTitle)
  for (const row of chosen) {
    const figures = await bench.measure(row, options.quick)
    result.rows[row.name] = figures
    console.log(rowLine(row, figures, base?.rows[row.name]))
  }
}

async function measureIdle(bench: ReturnType<typeof newBench>, base: Baseline | undefined, result: Baseline) {
  const chosen = idleRoles.filter((role) => picked(`idle ${role}`))
  if (chosen.length > 0) console.log(idleTitle)
  for (const role of chosen) {
    const standing = await bench.standing(role, options.quick)
    result.idle[role] = standing
    console.log(idleLine(role, standing, base?.idle[role]))
  }
}

function runMicro(file: string): void {
  console.log(`\nbench/micro/${file}`)
  const path = new URL(`./micro/${file}`, import.meta.url).pathname
  const [command, args] = pinned(0, process.execPath, ['--conditions=tailrace-source', path])
  spawnSync(command, args, { stdio: 'inherit', timeout: microTimeoutMs })
}

/** `--docs` puts what was measured this time into the tables of docs/performance.md. */
function save(result: Baseline): void {
  if (options.save) writeFileSync(options.save, `${JSON.stringify(merged(options.save, result), undefined, 2)}\n`)
  if (options.docs) writeFileSync(options.docs, withFigures(readFileSync(options.docs, 'utf8'), result))
}

function readBase(file: string): Baseline | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Baseline) : undefined
}

/** Rows that were not measured this time stay as they were saved. */
function merged(file: string, result: Baseline): Baseline {
  const old = readBase(file)
  return { ...result, rows: { ...old?.rows, ...result.rows }, idle: { ...old?.idle, ...result.idle } }
}
