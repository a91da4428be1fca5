/** Reads a page of metrics in the Prometheus text format 0.0.4 or in OpenMetrics 1.0. */
import { OpenMetricsParser } from './openmetrics.ts'
import { Page } from './page.ts'
import type { ParseError } from './scanner.ts'
import { TextParser } from './text.ts'

export interface ParseOptions {
  /** OpenMetrics 1.0 instead of text 0.0.4. */
  openMetrics?: boolean
  /** An earlier page whose memory is used again; what it held is gone. */
  into?: Page
}

export type ParseResult = { page: Page; error: null } | { page: null; error: ParseError }

/**
 * All or nothing: one bad line rejects the page, `{ error: { line: 2, message: 'expected float as value, got "x"' } }`.
 * The bytes are copied; the caller may reuse them at once. Never throws.
 */
export function parsePage(bytes: Uint8Array, options: ParseOptions = {}): ParseResult {
  const page = options.into ?? new Page()
  page.load(bytes)
  page.openMetrics = options.openMetrics === true
  const parser = page.openMetrics ? new OpenMetricsParser(page) : new TextParser(page)
  if (parser.parse()) return { page, error: null }
  page.clear()
  return { page: null, error: parser.error! }
}

/** `text format parsing error in line 2: expected float as value, got "x"`: the text operators know. */
export function parseErrorText({ line, message }: ParseError): string {
  return `text format parsing error in line ${line}: ${message}`
}
