// biome-ignore-all lint/suspicious/noTemplateCurlyInString: texts show references as they are written
import type { Location } from './source.ts'

/** Every code a configuration problem may carry. docs/errors.md has a paragraph for each. */
export const configCodes = {
  TR_CONFIG_READ: 'a file or variable of the configuration cannot be read',
  TR_CONFIG_YAML: 'the text is not valid YAML',
  TR_CONFIG_ROOT: 'the document is not a map',
  TR_CONFIG_EMPTY: 'there is no configuration',
  TR_CONFIG_SET: 'a --set argument is not key=value',
  TR_CONFIG_SCHEME: 'a ${scheme:...} or a location names a scheme that is not supported',
  TR_CONFIG_VARIABLE: 'the name of an environment variable is not valid',
  TR_CONFIG_EXPANSION: 'a ${...} cannot be replaced',
  TR_CONFIG_UNSET: 'an environment variable is not set (a warning)',
  TR_CONFIG_KEY: 'a key is not known here',
  TR_CONFIG_TYPE: 'a value has the wrong shape',
  TR_CONFIG_VALUE: 'a value has the right shape but is not acceptable',
  TR_CONFIG_REQUIRED: 'a setting is missing',
  TR_CONFIG_ID: 'a component id is not valid',
  TR_CONFIG_DUPLICATE: 'something is named twice',
  TR_CONFIG_COMPONENT: 'there is no component of this type',
  TR_CONFIG_REFERENCE: 'a pipeline, the service or a component names a component that is not configured',
  TR_CONFIG_PIPELINE: 'a pipeline is not complete, or there is none',
  TR_CONFIG_CONNECTOR: 'a connector does not join two pipelines',
  TR_CONFIG_AMBIGUOUS: 'two components share an id that pipelines cannot tell apart',
  TR_CONFIG_CYCLE: 'connectors lead back to the pipeline they come from',
  TR_CONFIG_FORMAT: 'two neighbours of a pipeline have no telemetry format in common',
  TR_CONFIG_RESOURCE: 'two components want the same address or file',
  TR_CONFIG_PLUGIN: 'a plugin cannot be loaded',
  TR_CONFIG_UNUSED: 'a component is configured but not used (a warning)',
} as const

export type ConfigCode = keyof typeof configCodes

/** One thing that is wrong: where, what, and what to write instead. Holds no secret. */
export interface Problem {
  code: ConfigCode
  location: Location
  /** The key in question, from the root: `receivers.statsd.endpoint`. Empty for a whole file. */
  path: string
  message: string
  /** What would have been right, when the message does not say it. */
  expected?: string
  /** What to write. */
  hint?: string
}

/**
 * The picture of a problem:
 *
 *     config/statsd-injector.yaml:3:15  receivers.statsd.endpoint  TR_CONFIG_TYPE
 *       expected host:port, got the number 8125
 *       3 |     endpoint: 8125
 *         |               ^^^^
 *       write "127.0.0.1:8125" to listen on loopback, or "0.0.0.0:8125" for every interface
 */
export function formatProblem({ code, location, path, message, expected, hint }: Problem): string {
  const { file, line, column, excerpt, caret } = location
  const gutter = String(line)
  const head = [`${file}:${line}:${column}`, path, code].filter((part) => part !== '').join('  ')
  const lines = [head, ...message.split('\n').map((part) => `  ${part}`)]
  if (excerpt.trim() !== '') {
    lines.push(`  ${gutter} | ${excerpt}`)
    lines.push(`  ${' '.repeat(gutter.length)} | ${' '.repeat(caret.column)}${'^'.repeat(caret.length)}`)
  }
  if (expected !== undefined) lines.push(`  expected ${expected}`)
  if (hint !== undefined) lines.push(`  ${hint}`)
  return lines.join('\n')
}

/** All pictures, in the order of the files and lines, a blank line between; the empty text when there are none. */
export function formatProblems(problems: readonly Problem[]): string {
  return inOrder(problems).map(formatProblem).join('\n\n')
}

/** By file (in order of appearance), line and column. */
export function inOrder(problems: readonly Problem[]): Problem[] {
  const files = [...new Set(problems.map((problem) => problem.location.file))]
  const rank = ({ location }: Problem) => [files.indexOf(location.file), location.line, location.column] as const
  return [...problems].sort((a, b) => {
    const [left, right] = [rank(a), rank(b)]
    return left[0] - right[0] || left[1] - right[1] || left[2] - right[2]
  })
}
