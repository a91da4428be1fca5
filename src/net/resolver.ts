import { Resolver as DnsResolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { type Clock, systemClock, type Timer } from '../runtime/clock.ts'
import { newNameFiles } from './name-files.ts'

/** Names to addresses, without the thread pool that `dns.lookup` would block. */
export interface Resolver {
  /**
   * Every address of a name, IPv4 first; an address is its own answer. Rejects with ResolveError, never with an empty list.
   * Asked afresh each time; who asks while the same name is under way gets the same answer.
   */
  resolve(host: string): Promise<readonly string[]>
}

export interface ResolverOptions {
  /** For one look-up in all; default 5 s. */
  timeoutMs?: number | undefined
  /** Look-ups under way at once; more are refused. Default 1000. */
  maxPending?: number | undefined
  clock?: Clock | undefined
  /** `127.0.0.1:5353`; default: those of /etc/resolv.conf. */
  servers?: readonly string[] | undefined
  /** Default /etc/hosts and /etc/resolv.conf. */
  hostsFile?: string | undefined
  resolvFile?: string | undefined
}

/** `name`: there is no such name, or it has no address. `server`: nobody could say (no answer, refusal, too busy). */
export class ResolveError extends Error {
  readonly kind: 'name' | 'server'

  constructor(kind: 'name' | 'server', message: string) {
    super(message)
    this.name = 'ResolveError'
    this.kind = kind
  }
}

/** Answers that say: not there. Everything else says: do not know. */
const absent = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME'])

export function newResolver(options: ResolverOptions = {}): Resolver {
  const timeoutMs = options.timeoutMs ?? 5000
  const maxPending = options.maxPending ?? 1000
  const clock = options.clock ?? systemClock
  const files = newNameFiles(options.hostsFile, options.resolvFile, clock)
  const pending = new Map<string, Promise<readonly string[]>>()
  let dns: DnsResolver | undefined
  let dnsVersion = -1

  /** The servers may change while we run: then a new set of sockets. */
  const current = (): DnsResolver => {
    if (dns && dnsVersion === files.version()) return dns
    dnsVersion = files.version()
    dns = new DnsResolver({ timeout: Math.max(100, Math.ceil(timeoutMs / 3)), tries: 2 })
    if (options.servers) dns.setServers(options.servers)
    return dns
  }
  const lookUp = async (host: string): Promise<readonly string[]> => {
    const written = files.hosts(host)
    if (written.length > 0) return written
    const resolver = current()
    let failure: ResolveError | undefined
    for (const name of files.candidates(host)) {
      try {
        return await both(resolver, name, clock)
      } catch (error) {
        failure = failureOf(host, error as NodeJS.ErrnoException)
        if (failure.kind === 'server') break
      }
    }
    throw failure ?? new ResolveError('name', `the name ${host} does not resolve`)
  }
  const limited = (host: string): Promise<readonly string[]> =>
    new Promise((resolve, reject) => {
      const timer = clock.after(timeoutMs, () =>
        reject(new ResolveError('server', `DNS did not answer for ${host} within ${timeoutMs} ms`)),
      )
      lookUp(host)
        .then(resolve, reject)
        .finally(() => timer.cancel())
    })
  return {
    resolve(host) {
      if (isIP(host)) return Promise.resolve([host])
      const key = host.toLowerCase()
      const running = pending.get(key)
      if (running) return running
      if (pending.size >= maxPending)
        return Promise.reject(new ResolveError('server', `${maxPending} names are being looked up already`))
      const answer = limited(host).finally(() => pending.delete(key))
      pending.set(key, answer)
      return answer
    },
  }
}

/** How long the second kind of address may take when the first is there: some servers never answer for AAAA. */
const SECOND_MS = 500

/** A and AAAA records at once; one of the two is enough. */
function both(resolver: DnsResolver, name: string, clock: Clock): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const found: [v4: string[], v6: string[]] = [[], []]
    const failures: NodeJS.ErrnoException[] = []
    let open = 2
    let timer: Timer | undefined
    const finish = () => {
      timer?.cancel()
      const all = found.flat()
      if (all.length > 0) return resolve(all)
      // "I do not know" outweighs "there is none": the other record may be there.
      reject(failures.find(({ code }) => !absent.has(code ?? '')) ?? failures[0] ?? noData())
    }
    const settled = () => {
      open--
      if (open === 0) finish()
      else if (found.flat().length > 0) timer = clock.after(SECOND_MS, finish)
    }
    const ask = (at: 0 | 1, answer: Promise<string[]>) =>
      answer.then(
        (ips) => {
          found[at] = ips
          settled()
        },
        (error: NodeJS.ErrnoException) => {
          failures.push(error)
          settled()
        },
      )
    void ask(0, resolver.resolve4(name))
    void ask(1, resolver.resolve6(name))
  })
}

const noData = () => Object.assign(new Error('no address'), { code: 'ENODATA' })

function failureOf(host: string, { code = '', message }: NodeJS.ErrnoException): ResolveError {
  if (absent.has(code)) return new ResolveError('name', `the name ${host} does not resolve`)
  const why: Record<string, string> = {
    ETIMEOUT: 'no DNS server answered',
    ECONNREFUSED: 'no DNS server listens',
    ESERVFAIL: 'the DNS server failed',
    EREFUSED: 'the DNS server refused to answer',
    ECANCELLED: 'the look-up was given up',
  }
  return new ResolveError('server', `the name ${host} cannot be looked up right now: ${why[code] ?? (code || message)}`)
}
