import type { z } from 'zod'
import { anything, type Field } from './fields.ts'

type Refused<Name extends string> = Record<Name, z.ZodOptional<Field<unknown>>>

/** Options that are known and not here: whoever writes one is told what to do instead. */
export function refused<Name extends string>(instead: Readonly<Record<Name, string>>): Refused<Name> {
  const fields = Object.entries<string>(instead).map(([name, hint]) => [
    name,
    anything()
      .optional()
      .refine((value) => value === undefined || value === null, { error: `${name} is not supported: ${hint}` })
      .describe(`Not supported: ${hint}.`),
  ])
  return Object.fromEntries(fields) as Refused<Name>
}
