import { inspect } from 'node:util'

/**
 * What stands in the tree where a whole value was written as `${...}`: the text as the source holds it, and what it
 * means as YAML (`0123` is the text `0123` and the number 83). Each field takes the side that suits it.
 */
export class Substituted {
  readonly text: string
  readonly value: unknown
  /** Where the text came from, without its content: `env:AGENT_PORT`, `file:/etc/tags.yaml`. */
  readonly source: string

  constructor(text: string, value: unknown, source: string) {
    this.text = text
    this.value = value
    this.source = source
  }

  // The text may be a password, and nothing here knows whether it is.
  toString(): string {
    return `\${${this.source}}`
  }

  toJSON(): string {
    return this.toString()
  }

  [inspect.custom](): string {
    return this.toString()
  }
}

/** The value that YAML makes of it, for callers that do not care for the original text. */
export function unwrapped(value: unknown): unknown {
  return value instanceof Substituted ? value.value : value
}
