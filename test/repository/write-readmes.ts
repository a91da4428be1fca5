/** Brings the generated parts of every component's README up to date: `npm run docs`. */
import { writeFileSync } from 'node:fs'
import { allComponents, currentReadme } from './readmes.ts'

for (const component of await allComponents()) {
  try {
    const { path, written, current } = currentReadme(component)
    if (written === current) continue
    writeFileSync(path, current)
    process.stdout.write(`${component.folder}/README.md written\n`)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exitCode = 1
  }
}
