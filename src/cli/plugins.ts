import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Catalogue } from '../components.ts'
import { formatProblems, type Problem } from '../config/diagnostics.ts'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import { serviceFields } from '../config/schema.ts'
import type { AnySpec } from '../plugin.ts'

/**
 * The core's components and those of the plugins that the files name under `service.plugins`. `problems` tells, for
 * people, of files and plugins that cannot be read; other faults of the files do not matter here. Empty: none.
 */
export async function catalogueWith(files: readonly string[]): Promise<{ catalogue: Catalogue; problems: string }> {
  const catalogue = new Catalogue()
  if (files.length === 0) return { catalogue, problems: '' }
  const loaded = loadConfig(files, { set: [], env: process.env })
  const unread = loaded.problems.filter(({ path }) => path === '')
  const problems = [...unread, ...(await loadPlugins(loaded, files, catalogue))]
  return { catalogue, problems: problems.length > 0 ? `${formatProblems(problems)}\n` : '' }
}

/** Makes the components of all plugins known; answers what could not be loaded. */
export async function loadPlugins(
  loaded: LoadedConfig,
  files: readonly string[],
  catalogue: Catalogue,
): Promise<Problem[]> {
  const problems: Problem[] = []
  for (const { target, path, at } of pluginModules(loaded, files)) {
    const location = loaded.at(at)
    try {
      await addPlugin(target, catalogue)
    } catch (error) {
      // Which file of ours asked for it tells nobody anything.
      const reason = (error as Error).message.replace(/ imported from \S+$/, '')
      const message = `cannot load plugin "${path}": ${reason}`
      const hint =
        'a plugin is a module whose default export is made by a define… call of tailrace/plugin, or a list of them'
      problems.push({ code: 'TR_CONFIG_PLUGIN', location, path: at.join('.'), message, hint })
    }
  }
  return problems
}

/** The modules that the files name under `service.plugins`: what to import, as it is written, and where. */
export function pluginModules(
  loaded: LoadedConfig,
  files: readonly string[],
): { readonly target: string; readonly path: string; readonly at: readonly PropertyKey[] }[] {
  const service = loaded.value.service as { plugins?: unknown } | undefined
  // What is no list of paths is a problem that the check of `service` reports.
  const paths = serviceFields.shape.plugins.safeParse(service?.plugins ?? undefined).data ?? []
  return paths.map((path, i) => {
    const at = ['service', 'plugins', i]
    const { file } = loaded.at(at)
    // Relative to the file that names it; a bare name is an installed package.
    const base = files.includes(file) ? dirname(resolve(file)) : process.cwd()
    return { target: /^[./]/.test(path) ? pathToFileURL(resolve(base, path)).href : path, path, at }
  })
}

/** Makes the components of one plugin known; rejects with the reason. */
export async function addPlugin(target: string, catalogue: Catalogue): Promise<void> {
  for (const spec of specsOf(await import(target))) catalogue.add(spec)
}

function specsOf(module: { default?: unknown }): AnySpec[] {
  const specs = Array.isArray(module.default) ? module.default : [module.default]
  const isSpec = (spec: unknown): spec is AnySpec => typeof (spec as AnySpec | undefined)?.create === 'function'
  if (!specs.every(isSpec)) throw new Error('its default export is not a component')
  return specs
}
