import { bool, list, object, oneOf, secret, text } from '../../config/fields.ts'
import { pattern } from '../../ottl/action-fields.ts'
import { compileProgram, type Step } from '../../ottl/program.ts'
import { contextsOf } from '../../ottl/statements.ts'
import { defineProcessor, type Format } from '../../plugin.ts'
import { editor } from '../../telemetry/pass.ts'
import type { MapDef } from '../../telemetry/path-def.ts'
import { type PathContext, pathOf } from '../../telemetry/paths.ts'
import { newBodyRedactor } from './body.ts'
import { newRedactor } from './redactor.ts'

const patterns = (what: string) => list(pattern()).default([]).describe(what)

/** Removes attributes that are not allowed, and masks values that are blocked. */
export default defineProcessor({
  type: 'redaction',
  stability: 'beta',
  summary: 'Removes attributes that are not on a list, and masks values that match a pattern.',
  takes: ['envelopes', 'logs', 'metrics', 'traces'],
  config: object({
    allow_all_keys: bool().default(false).describe('Whether attributes stay that are not in allowed_keys.'),
    allowed_keys: list(text()).default([]).describe('The attributes that stay.'),
    ignored_keys: list(text()).default([]).describe('Attributes that are neither removed nor masked.'),
    ignored_key_patterns: patterns('The same by patterns of their keys.'),
    blocked_key_patterns: patterns('Attributes whose keys match: their values are masked.'),
    blocked_values: patterns('What matches in a value is masked.'),
    allowed_values: patterns('Values that match are not masked.'),
    redact_all_types: bool().default(false).describe('Whether values that are not text are looked at too, as text.'),
    hash_function: oneOf(['md5', 'sha1', 'sha3', 'hmac-sha256', 'hmac-sha512'])
      .optional()
      .describe('Hash to put in the place of what is masked, instead of ****.'),
    hmac_key: secret().optional().describe('The key of the hmac functions.'),
    summary: oneOf(['silent', 'info', 'debug'])
      .default('silent')
      .describe('Attributes that say how many were removed and masked (info), and which (debug).'),
  }).superRefine(({ hash_function: hash, hmac_key: key }, ctx) => {
    if (!hash?.startsWith('hmac') || (key && key.reveal() !== '')) return
    ctx.addIssue({ code: 'custom', path: ['hmac_key'], message: `is required for ${hash}` })
  }),
  create({ config, format }) {
    const redactor = newRedactor(config)
    const steps = mapsOf(format).map(({ context, map }): Step => {
      const redact = redactor.attributes(map)
      const run = context === 'log' ? newBodyRedactor(redactor, redact, map) : redact
      const statement = { source: 'redaction', where: undefined, run, writes: map.level }
      return { context, errorMode: 'propagate', conditions: [], statements: [statement], reads: 1 << map.level }
    })
    const { passes } = compileProgram(steps, format, () => undefined)
    return editor(passes[0]!)
  },
})

/** The attributes of each context of a format; those of metrics are the points'. */
function mapsOf(format: Format): { context: PathContext | undefined; map: MapDef }[] {
  if (format === 'envelopes') return [{ context: undefined, map: pathOf('attributes', [], format).map! }]
  const contexts = contextsOf[format].filter((context) => context !== 'metric')
  return contexts.map((context) => ({ context, map: pathOf('attributes', [], format, context).map! }))
}
