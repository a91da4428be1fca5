import { type Binding, type BindingPage, decodeBindingPage } from '../../drains/bindings.ts'
import { type HttpGetter, TooLarge } from '../../net/http-get.ts'

/**
 * Why a round came to nothing. `transport`: no answer (the only ones that the original counts); `status`, `json`: an answer
 * of no use; `paging`: pages that do not come to an end; `size`: more than we take.
 */
export type FetchFault = 'transport' | 'status' | 'json' | 'paging' | 'size'

export class FetchError extends Error {
  readonly fault: FetchFault

  constructor(fault: FetchFault, message: string) {
    super(message)
    this.fault = fault
  }
}

export interface FetchLimits {
  batchSize: number
  /** Bytes of all pages of a round. */
  maxBytes: number
  maxPages: number
}

/** Reads all pages of the Cloud Controller's list. Rejects with FetchError, in the wording of the original. */
export async function fetchBindings(http: HttpGetter, limits: FetchLimits, signal: AbortSignal): Promise<Binding[]> {
  const all: Binding[] = []
  let left = limits.maxBytes
  let next = 0
  for (let page = 0; page < limits.maxPages; page++) {
    const { results, nextId, size } = await fetchPage(http, next, limits.batchSize, left, signal)
    for (const binding of results) all.push(binding)
    left -= size
    if (nextId === 0) return all
    if (nextId < next || nextId === next)
      throw new FetchError('paging', `page ${next} of the bindings names ${nextId} as the next: it goes in circles`)
    next = nextId
  }
  throw new FetchError('paging', `more than ${limits.maxPages} pages of bindings: is the end never said?`)
}

async function fetchPage(
  http: HttpGetter,
  id: number,
  batchSize: number,
  maxBytes: number,
  signal: AbortSignal,
): Promise<BindingPage & { size: number }> {
  const path = `/internal/v5/syslog_drain_urls?batch_size=${batchSize}&next_id=${id}`
  const { status, body } = await http.get(path, { maxBytes, signal }).catch((error: Error) => {
    const fault = error instanceof TooLarge ? 'size' : 'transport'
    throw new FetchError(fault, `failed to get page ${id} from internal bindings endpoint: ${error.message}`)
  })
  if (status !== 200)
    throw new FetchError('status', `unexpected response from internal bindings endpoint. status code: ${status}`)
  try {
    return { ...decodeBindingPage(body.toString()), size: body.length }
  } catch (error) {
    throw new FetchError('json', `failed to decode JSON: ${(error as Error).message}`)
  }
}
