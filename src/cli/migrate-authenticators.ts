import { isMap } from '../config/containers.ts'
import type { Problem } from '../config/diagnostics.ts'
import type { LoadedConfig } from '../config/load.ts'
import { unwrapped } from '../config/substituted.ts'

/** Every `auth: {authenticator: ID}` whose extension is not in the file: such a component would not start. */
export function missingAuthenticators(loaded: LoadedConfig): Problem[] {
  const extensions = Object.keys((unwrapped(loaded.value.extensions) ?? {}) as object)
  const problems: Problem[] = []
  const look = (value: unknown, path: readonly string[]): void => {
    const given = unwrapped(value)
    if (Array.isArray(given)) for (const [i, each] of given.entries()) look(each, [...path, String(i)])
    else if (isMap(given)) for (const [key, each] of Object.entries(given)) look(each, [...path, key])
    else if (path.at(-1) === 'authenticator' && path.at(-2) === 'auth' && !extensions.includes(String(given)))
      problems.push({
        code: 'TR_CONFIG_REFERENCE',
        location: loaded.at(path),
        path: path.join('.'),
        message: `there is no extension "${String(given)}" to ask`,
        hint: 'name one that is here, bearertokenauth or basicauth, or take auth away where that is safe',
      })
  }
  for (const section of ['receivers', 'exporters', 'extensions']) look(loaded.value[section], [section])
  return problems
}
