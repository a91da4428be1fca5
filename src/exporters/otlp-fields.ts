import { block, extensionId, map, secret } from '../config/fields.ts'
import { type Authenticator, clientAuthenticator } from '../extensions/authenticator.ts'
import type { Host } from '../plugin.ts'

/** Settings that both OTLP exporters have. */
export const headerFields = {
  headers: map(secret()).default({}).describe('Sent with every request, such as `authorization`. Never shown.'),
  auth: block({
    authenticator: extensionId().describe('Id of an extension such as `basicauth` or `bearertokenauth`.'),
  }).describe('An extension that says who we are.'),
}

interface HeaderSettings {
  headers: Record<string, { reveal(): string }>
  auth?: { authenticator: string } | undefined
}

/** Headers of the next request, names in lower case: asked for each, since what an extension says may change. */
export function headersOf({ headers, auth }: HeaderSettings, host: Host): () => Readonly<Record<string, string>> {
  const written = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value.reveal()]),
  )
  if (!auth) return () => written
  const extension: Required<Pick<Authenticator, 'headers'>> = clientAuthenticator(host, auth.authenticator)
  return () => ({ ...written, ...extension.headers() })
}
