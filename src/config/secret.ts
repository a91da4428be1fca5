import { inspect } from 'node:util'

const mask = '[REDACTED]'

/** A password, key or token. It prints as `[REDACTED]` wherever it is printed; `reveal()` is the only way to the text. */
export class Secret {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  reveal(): string {
    return this.#text
  }

  toString(): string {
    return mask
  }

  toJSON(): string {
    return mask
  }

  [inspect.custom](): string {
    return mask
  }
}
