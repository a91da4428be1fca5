import type { z } from 'zod'
import { inputJson } from './containers.ts'
import { map } from './fields.ts'
import { type CatalogueEntry, kinds, pipelineFields, pipelineKinds, sectionOf, serviceFields } from './schema.ts'

type Json = Record<string, unknown>

const draft = 'https://json-schema.org/draft/2020-12/schema'

/** A JSON Schema of the whole tree with the options of every given component: what `tailrace schema` prints for editors. */
export function configJsonSchema(entries: readonly CatalogueEntry[]): Json {
  const sections = kinds.map((kind) => [sectionOf[kind], section(entries.filter((entry) => entry.kind === kind))])
  return {
    $schema: draft,
    title: 'tailrace configuration',
    type: 'object',
    properties: { ...Object.fromEntries(sections), service: service() },
    additionalProperties: false,
  }
}

function section(entries: readonly CatalogueEntry[]): Json {
  const patterns = entries.flatMap((entry) => {
    const settings = componentJson(entry.config)
    return [entry.type, ...(entry.aliases ?? [])].map((type) => [`^\\s*${type}\\s*(/.+)?$`, settings])
  })
  return { type: ['object', 'null'], patternProperties: Object.fromEntries(patterns), additionalProperties: false }
}

/** The settings of one component; it may also be left empty, and may say `required`. */
function componentJson(schema: z.ZodType): Json {
  const json = inputJson(schema)
  if (json.type !== 'object') return json
  const required = {
    type: 'boolean',
    default: true,
    description: 'false: the process goes on when this component cannot start.',
  }
  return { ...json, type: ['object', 'null'], properties: { required, ...(json.properties as Json) } }
}

function service(): Json {
  const json = inputJson(serviceFields.extend({ pipelines: map(pipelineFields).optional() }))
  const pipeline = { ...inputJson(pipelineFields), type: ['object', 'null'] }
  const pipelines = {
    type: ['object', 'null'],
    description: 'What is received, how it is processed, where it goes.',
    patternProperties: { [`^\\s*(${pipelineKinds.join('|')})\\s*(/.+)?$`]: pipeline },
    additionalProperties: false,
  }
  return { ...json, type: ['object', 'null'], properties: { ...(json.properties as Json), pipelines } }
}
