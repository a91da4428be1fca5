import type { Binding, Credentials } from '../../drains/bindings.ts'
import { type DrainFault, type DrainUrl, isDrainFault, parseDrainUrl } from '../../drains/drain-url.ts'

/** One drain as somebody wants it. */
export interface DrainSpec {
  /** Guid of the application; empty for an aggregate drain, which gets the envelopes of all. */
  readonly app: string
  /** HOSTNAME of envelopes without the tags for one. */
  readonly hostname: string
  readonly url: DrainUrl
  /** PEM texts, or empty. */
  readonly cert: string
  readonly key: string
  readonly ca: string
}

export interface MergeOptions {
  defaultMetadata: boolean
  /** URLs that were read before: reading ten thousand takes a tenth of a second. */
  known?: ReadonlyMap<string, DrainUrl>
  /** Drains an application may have. */
  perApp: number
}

/** A drain that is not used, for a reason that its owner should know. */
export interface Refusal {
  readonly app: string
  readonly message: string
}

export interface Merged {
  readonly apps: ReadonlyMap<string, readonly DrainSpec[]>
  /** The URLs in use, by their text. */
  readonly urls: ReadonlyMap<string, DrainUrl>
  readonly count: number
  /** URLs that should not have come out of the cache. */
  readonly invalid: number
  /** Drains beyond the limit. */
  readonly beyond: number
  readonly refusals: readonly Refusal[]
}

/** The drains of each application, in the order of their URLs' bytes, as many as it may have. */
export function mergeBindings(bindings: readonly Binding[], options: MergeOptions): Merged {
  const { byApp, hostnames, urls, invalid, refusals } = collect(bindings, options)
  const apps = new Map<string, readonly DrainSpec[]>()
  let count = 0
  let beyond = 0
  for (const [app, found] of byApp) {
    const sorted = found.length > 1 ? withoutDuplicates(found.sort(byUrl)) : found
    const kept = sorted.slice(0, options.perApp)
    for (const { url } of sorted.slice(options.perApp)) {
      beyond++
      refusals.push({ app, message: `Limit of ${options.perApp} syslog drains reached, not used: ${url.clean}` })
    }
    const hostname = hostnames.get(app) ?? ''
    apps.set(
      app,
      kept.map((spec) => (spec.hostname === hostname ? spec : { ...spec, hostname })),
    )
    count += kept.length
  }
  return { apps, urls, count, invalid, beyond, refusals }
}

function collect(bindings: readonly Binding[], { defaultMetadata, known }: MergeOptions) {
  const urls = new Map<string, DrainUrl>()
  const byApp = new Map<string, DrainSpec[]>()
  const hostnames = new Map<string, string>()
  const refusals: Refusal[] = []
  let invalid = 0
  for (const { url: text, credentials } of bindings) {
    const url = known?.get(text) ?? parseDrainUrl(text, { defaultMetadata })
    if (isDrainFault(url)) {
      invalid++
      refusals.push(...told(url, credentials))
      continue
    }
    urls.set(text, url)
    for (const { cert, key, ca, apps } of credentials) {
      for (const { app_id: app, hostname } of apps ?? []) {
        // It would catch whatever has no source id.
        if (app === '') continue
        hostnames.set(app, hostname)
        const spec = { app, hostname, url, cert, key, ca }
        const found = byApp.get(app)
        if (found) found.push(spec)
        else byApp.set(app, [spec])
      }
    }
  }
  return { byApp, hostnames, urls, refusals, invalid }
}

/** Most faults the cache tells the owner; what it lets pass is for us to tell. */
function told(fault: DrainFault, credentials: readonly Credentials[]): Refusal[] {
  if (fault.fault !== 'log_types') return []
  return credentials
    .flatMap(({ apps }) => apps ?? [])
    .flatMap(({ app_id: app }) => (app === '' ? [] : { app, message: fault.message }))
}

/** By the bytes of the URL; JavaScript compares UTF-16 units, which is the same for ASCII. */
const byUrl = (a: DrainSpec, b: DrainSpec): number =>
  a.url.text === b.url.text ? 0 : Buffer.compare(Buffer.from(a.url.text), Buffer.from(b.url.text))

const withoutDuplicates = (sorted: readonly DrainSpec[]): DrainSpec[] =>
  sorted.filter((spec, i) => !sorted.slice(0, i).some((other) => sameTarget(other, spec)))

export const sameTarget = (a: DrainSpec, b: DrainSpec): boolean =>
  a.url.text === b.url.text && a.cert === b.cert && a.key === b.key && a.ca === b.ca

/** Whether two are one and the same drain in all that matters to it. */
export const sameDrain = (a: DrainSpec, b: DrainSpec): boolean =>
  samePlace(a, b) && a.hostname === b.hostname && sameForm(a, b) && sameTarget(a, b)

/** Whether one stands for the other: what waits for one belongs to the other, however it looks and is sent. */
export const samePlace = (a: DrainSpec, b: DrainSpec): boolean => a.app === b.app && a.url.text === b.url.text

/** What the URL leaves open is the default of the configuration, which may change. */
const sameForm = (a: DrainSpec, b: DrainSpec): boolean => a.url.parameters.metadata === b.url.parameters.metadata

/** The aggregate drains of the configuration: what cannot be read is named by `onFault`. */
export function aggregateSpecs(
  list: readonly { url: string; cert?: string; key?: string; ca?: string }[],
  defaultMetadata: boolean,
  onFault: (message: string) => void,
): DrainSpec[] {
  const specs: DrainSpec[] = []
  for (const { url: text, cert = '', key = '', ca = '' } of list) {
    if (text === '') continue
    const url = parseDrainUrl(text, { defaultMetadata })
    if (isDrainFault(url)) onFault(url.message)
    else specs.push({ app: '', hostname: '', url, cert, key, ca })
  }
  return withoutDuplicates(specs)
}

/** The same from the answer of the cache: one credential each, the first. */
export const aggregateList = (
  bindings: readonly Binding[],
): { url: string; cert?: string; key?: string; ca?: string }[] =>
  bindings.map(({ url, credentials: [first] }) => ({
    url,
    ...(first && { cert: first.cert, key: first.key, ca: first.ca }),
  }))
