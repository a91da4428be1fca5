const wordings: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ENOTFOUND: 'no such host',
  ETIMEDOUT: 'connection timed out',
}

/**
 * Why a scrape failed, in the words operators know from the original: `Get "http://127.0.0.1:1/metrics": dial tcp
 * 127.0.0.1:1: connect: connection refused`, `unexpected status code 500: ...`, `text format parsing error in line 2: ...`.
 */
export function scrapeErrorText(error: unknown, url: string): string {
  if (!(error instanceof Error)) return String(error)
  const { code, syscall, message } = error as NodeJS.ErrnoException
  const get = `Get ${JSON.stringify(url)}`
  const wording = code === undefined ? undefined : wordings[code]
  if (syscall === 'connect' && wording) return `${get}: dial tcp ${URL.parse(url)?.host}: connect: ${wording}`
  if (wording) return `${get}: ${wording}`
  if (code !== undefined || /^(context deadline|stopped after|unsupported protocol|\d+ response missing)/.test(message))
    return `${get}: ${message}`
  return message
}
