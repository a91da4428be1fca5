import type { ClientTls } from '../../net/tls.ts'
import type { Relabel } from './relabel.ts'

/** One page to read, whoever named it. */
export interface ScrapeTarget {
  /** `http://127.0.0.1:9100/metrics`. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Headers that say who we are, asked for with every request: files may have changed. Throws when they cannot be read. */
  credentials(): Readonly<Record<string, string>>
  /** Whether to ask for gzip. */
  readonly compression: boolean
  /** Why it is not scraped at all: its scrapes fail with this. */
  readonly refused: string | undefined
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Most bytes of a page, unpacked. */
  readonly maxBytes: number
  /** Most samples of a page; 0: no limit. */
  readonly sampleLimit: number
  /** Most series; 0: no limit. */
  readonly maxSeries: number
  /** 0: no limit. */
  readonly labelLimits: { readonly count: number; readonly nameLength: number; readonly valueLength: number }
  /** Both unset for http. */
  readonly tls: ClientTls | undefined
  readonly serverName: string
  /** Whether the answer's content type may choose OpenMetrics. Pages of target files are 0.0.4, whatever they say. */
  readonly negotiates: boolean
  /** Labels of the page stay as they are when the target has the same ones. */
  readonly honorLabels: boolean
  /** Times of the page are those of metrics. */
  readonly honorTimestamps: boolean
  readonly followRedirects: boolean
  /** Rules on samples. */
  readonly metricRelabel: Relabel | undefined
  readonly labels: Readonly<Record<string, string>>
  readonly sourceId: string
  readonly defaultSourceId: string
  readonly instanceId: string
  /** Resource of metrics: `service.name` and `service.instance.id`. */
  readonly job: string
  readonly instance: string
}

/** A scrape may take as long as its interval, and one second at least. */
export const defaultTimeoutMs = (intervalMs: number): number => Math.max(intervalMs, 1000)

const none = { count: 0, nameLength: 0, valueLength: 0 }

/** What jobs alone can ask for. */
export const unlimited = {
  credentials: () => ({}),
  compression: true,
  refused: undefined,
  maxSeries: 0,
  labelLimits: none,
  honorTimestamps: false,
  followRedirects: true,
  metricRelabel: undefined,
} as const
