import { list, object, path, secret, text } from '../../config/fields.ts'
import { defineExtension } from '../../plugin.ts'
import { newBearerAuth } from './bearer-auth.ts'

/** A bearer token that servers ask for and clients show (RFC 6750). */
export default defineExtension({
  type: 'bearertokenauth',
  aliases: ['bearer_token_auth'],
  stability: 'beta',
  summary: 'Checks and shows bearer tokens: receivers and exporters name it in auth.',
  config: object({
    header: text({ notEmpty: true }).default('Authorization').describe('Header or metadata key of the token.'),
    scheme: text().default('Bearer').describe('Word in front of the token; empty: the token stands alone.'),
    token: secret().optional().describe('The token.'),
    tokens: list(secret()).default([]).describe('Tokens that servers take; clients show the first.'),
    filename: path()
      .optional()
      .describe('File with a token a line, read again when it changes. Counts instead of token and tokens.'),
  })
    .refine(({ token, tokens, filename }) => token !== undefined || tokens.length > 0 || filename !== undefined, {
      path: ['token'],
      message: 'no bearer token provided',
    })
    .refine(({ token, tokens }) => token === undefined || tokens.length === 0, {
      path: ['tokens'],
      message: 'either tokens or token should be provided, not both',
    }),
  create: ({ config, host }) => newBearerAuth(config, host),
})
