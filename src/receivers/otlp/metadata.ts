/** Headers of a request as metadata of its origin: several of one name are joined by commas; HTTP/2's own are left out. */
export function metadataOf(headers: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const metadata: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !name.startsWith(':'))
      metadata[name] = Array.isArray(value) ? value.join(',') : String(value)
  }
  return metadata
}
