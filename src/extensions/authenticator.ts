import type { Host } from '../plugin.ts'

/** Headers or metadata of a request, names in lower case. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

/** `true`, or why not. */
export type Verdict = true | string

/**
 * What an extension is to components that name it in `auth: {authenticator: id}`: servers ask `authenticate`, clients
 * send `headers`. An extension may do one of the two.
 */
export interface Authenticator {
  /**
   * `true` lets the request in; a text is why not, fit to be shown to the peer. A promise, which never rejects, when it
   * takes time to find out: what the request lent must be copied first.
   */
  authenticate?(headers: RequestHeaders): Verdict | Promise<Verdict>
  /** Headers to add to a request, names in lower case. Asked for every request: what is in files may have changed. */
  headers?(): Readonly<Record<string, string>>
}

/** The extension `id` as a server's authenticator. Throws when there is none of that kind. */
export function serverAuthenticator(host: Host, id: string): Required<Pick<Authenticator, 'authenticate'>> {
  const found = resolve(host, id)
  if (!found.authenticate) throw new Error(`authenticator ${JSON.stringify(id)} is not a server authenticator`)
  return found as Required<Pick<Authenticator, 'authenticate'>>
}

/** The extension `id` as a client's authenticator. Throws when there is none of that kind. */
export function clientAuthenticator(host: Host, id: string): Required<Pick<Authenticator, 'headers'>> {
  const found = resolve(host, id)
  if (!found.headers) throw new Error(`authenticator ${JSON.stringify(id)} is not a client authenticator`)
  return found as Required<Pick<Authenticator, 'headers'>>
}

function resolve(host: Host, id: string): Authenticator {
  const found = host.extension<Authenticator>(id)
  if (!found) {
    throw new Error(
      `failed to resolve authenticator ${JSON.stringify(id)}: authenticator not found; configure it under extensions: and name it in service: {extensions: [...]}`,
    )
  }
  return found
}
