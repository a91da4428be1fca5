/** The field constructors that every component's `config` is made of. */
import type { z } from 'zod'

export { block, either, list, map, object } from './containers.ts'
export type { Field } from './field.ts'
export {
  anything,
  bool,
  duration,
  endpoint,
  extensionId,
  int,
  number,
  oneOf,
  path,
  port,
  type Range,
  secret,
  size,
  type TextOptions,
  text,
  url,
} from './scalars.ts'
export { Secret } from './secret.ts'
export { Substituted } from './substituted.ts'
export { tlsClient, tlsServer } from './tls-fields.ts'
export type { Endpoint } from './units.ts'

/** A component's settings as its code gets them. */
export type ConfigOf<S extends z.ZodType> = z.output<S>

/** A schema of settings: what `object({...})` makes. */
export type Schema = z.ZodType
