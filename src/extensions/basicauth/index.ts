import { object, path, secret, text } from '../../config/fields.ts'
import { defineExtension } from '../../plugin.ts'
import { newBasicAuth } from './basic-auth.ts'

/** User and password that servers ask for and clients show (RFC 7617). */
export default defineExtension({
  type: 'basicauth',
  aliases: ['basic_auth'],
  stability: 'beta',
  summary: 'Checks and shows user and password (HTTP basic): receivers and exporters name it in auth.',
  config: object({
    htpasswd: object({
      file: path().optional().describe('htpasswd file, `user:hash` a line, read again when it changes.'),
      inline: secret().optional().describe('Lines of the same form; they win over those of the file.'),
    })
      .optional()
      .describe('Servers: who may come in.'),
    client_auth: object({
      username: text().optional().describe('User to show.'),
      password: secret().optional().describe('Password to show.'),
      username_file: path().optional().describe('File with the user, read again when it changes; wins over username.'),
      password_file: path().optional().describe('The same for the password.'),
    })
      .optional()
      .describe('Clients: what to show.'),
  })
    .refine(({ htpasswd, client_auth }) => htpasswd !== undefined || client_auth !== undefined, {
      path: ['htpasswd'],
      message: 'no credential source provided',
    })
    .refine(({ htpasswd, client_auth }) => htpasswd === undefined || client_auth === undefined, {
      path: ['client_auth'],
      message: 'only one of `htpasswd` and `client_auth` can be specified',
    }),
  create: ({ config, host }) => newBasicAuth(config, host),
})
