const facilities =
  'kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp audit alert clock local0 local1 local2 local3 local4 local5 local6 local7'.split(
    ' ',
  )
const severities = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug']
/** Other words for severities. */
const synonyms: Readonly<Record<string, number>> = {
  panic: 0,
  emergency: 0,
  fatal: 0,
  critical: 2,
  error: 3,
  warn: 4,
  informational: 6,
  information: 6,
  trace: 7,
}

export const facilityNames: readonly string[] = facilities
export const severityNames: readonly string[] = severities

/** 0 to 23 for a number or a name such as `local0`, or -1. */
export function facilityNumber(text: string): number {
  if (/^\d{1,2}$/.test(text)) return Number(text) < 24 ? Number(text) : -1
  return facilities.indexOf(text.toLowerCase())
}

/** 0 to 7 for a number or a name such as `warning`, or -1. */
export function severityNumber(text: string): number {
  if (/^\d$/.test(text)) return Number(text) < 8 ? Number(text) : -1
  const name = text.toLowerCase()
  return synonyms[name] ?? severities.indexOf(name)
}

/** By OTLP SeverityNumber 0 to 24 (logs data model, appendix B: mapping of syslog). */
const bySeverityNumber = [-1, 7, 7, 7, 7, 7, 7, 7, 7, 6, 5, 5, 5, 4, 4, 4, 4, 3, 2, 1, 1, 0, 0, 0, 0]

/** Syslog's severity for OTLP's; `otherwise` where there is none. */
export function severityOf(severityNumber: number, otherwise: number): number {
  const severity = bySeverityNumber[severityNumber] ?? -1
  return severity < 0 ? otherwise : severity
}
