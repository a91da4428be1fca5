import { execFileSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A Go program of this folder, built; or the reason why there is none. Where CI is set that reason is an error. */
export function goProgram(folder: string): { path: string; missing?: never } | { path?: never; missing: string } {
  const path = join(mkdtempSync(join(tmpdir(), 'tailrace-go-')), folder)
  try {
    execFileSync('go', ['build', '-o', path, '.'], { cwd: join(import.meta.dirname, folder), stdio: 'pipe' })
    return { path }
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: Buffer }
    const missing = code === 'ENOENT' ? 'there is no `go` on PATH' : `go build of ${folder} failed: ${stderr ?? error}`
    if (process.env.CI) throw new Error(missing)
    console.warn(`\n*** ${folder} is NOT tested: ${missing} ***\n`)
    return { missing }
  }
}
