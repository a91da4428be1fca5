// Preloaded into a process under test: writes the list of modules that were loaded when it ends.
import { writeFileSync } from 'node:fs'
import { registerHooks } from 'node:module'

const urls = new Set()
registerHooks({
  load(url, context, next) {
    urls.add(url)
    return next(url, context)
  },
})
process.on('exit', () => writeFileSync(process.env.TAILRACE_MODULES, [...urls].join('\n')))
