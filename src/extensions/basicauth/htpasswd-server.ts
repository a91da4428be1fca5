import type { Component, Host, Secret } from '../../plugin.ts'
import type { Authenticator, RequestHeaders } from '../authenticator.ts'
import { newWatchedText } from '../watched-text.ts'
import { newBcryptThread } from './bcrypt-thread.ts'
import { type Check, parseHtpasswd, type Users } from './htpasswd.ts'
import { newVerdicts } from './verdicts.ts'

export interface HtpasswdConfig {
  readonly file?: string | undefined
  readonly inline?: Secret | undefined
}

/** Longer ones are wrong: some hashes take time by the square of the length. */
const longestPair = 512

/** Lets in the users of a htpasswd file. Fault texts are those of the Collector's extension. */
export function newHtpasswdServer(
  config: HtpasswdConfig,
  host: Host,
): Component & Required<Pick<Authenticator, 'authenticate'>> {
  const bcrypt = newBcryptThread(host.clock)
  const parse = (text: string) => {
    const { users, unusable } = parseHtpasswd(text, bcrypt)
    for (const line of unusable) host.log.warn(`htpasswd: ${line}: this user cannot come in`)
    return users
  }
  const none: Users = new Map()
  let fromFile = () => none
  let inline = none
  let verdicts = newVerdicts()
  let verdictsOf = none

  const isRight = (pair: string, user: string, password: string) => {
    const users = fromFile()
    // What was known is void when the file has changed.
    if (users !== verdictsOf) verdicts = newVerdicts()
    verdictsOf = users
    const check = inline.get(user) ?? users.get(user)
    if (check) return verdicts.ask(pair, password, check)
    // Whether a user exists is not to be read from the time it takes to refuse.
    const other = firstSlow(inline) ?? firstSlow(users)
    const answer = other ? verdicts.ask(`\n${pair}`, password, other) : false
    return answer instanceof Promise ? answer.then(() => false) : answer === 'busy' && answer
  }
  return {
    async start() {
      if (config.inline) inline = parse(config.inline.reveal())
      if (config.file) fromFile = newWatchedText(config.file, host, parse)
      if (inline.size + fromFile().size === 0) throw new Error('htpasswd names no user that could come in')
    },
    stop: () => bcrypt.stop(),
    authenticate(headers: RequestHeaders) {
      const given = headers.authorization
      const value = typeof given === 'string' ? given : given?.[0]
      if (!value) return 'no basic auth provided'
      if (!/^basic /i.test(value)) return 'invalid authorization scheme prefix'
      const pair = Buffer.from(value.slice(6).trim(), 'base64').toString()
      const colon = pair.indexOf(':')
      if (colon < 0) return 'invalid authorization format'
      if (pair.length > longestPair) return 'invalid credentials'
      const right = isRight(pair, pair.slice(0, colon), pair.slice(colon + 1))
      if (right === 'busy') return 'too many passwords wait for their check, try again'
      return right instanceof Promise ? right.then(asVerdict, failed) : asVerdict(right)
    },
  }

  function failed(error: unknown): string {
    host.log.error('a password could not be checked', { error: String(error) })
    return 'the password could not be checked, try again'
  }
}

const asVerdict = (right: boolean) => right || 'invalid credentials'

function firstSlow(users: Users): Check | undefined {
  for (const check of users.values()) if ('slow' in check) return check
  return undefined
}
