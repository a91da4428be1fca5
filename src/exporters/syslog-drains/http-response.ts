/** Heads, and chunk lines, that are longer are refused. */
const maxHeadBytes = 65_536
/** A body is read and forgotten; one that is longer ends the connection. */
const maxBodyBytes = 1 << 20

type State = 'head' | 'length' | 'chunk_size' | 'chunk' | 'chunk_end' | 'trailers' | 'until_close' | 'done' | 'bad'

/**
 * Reads the answer to a POST (RFC 9112): the status, and where it ends, strictly. Bodies are skipped. Never throws;
 * what is no such answer is `bad` with the reason in `fault`.
 */
export class HttpResponse {
  status = 0
  /** Whether the connection takes another request. */
  keepAlive = true
  fault = ''
  private state: State = 'head'
  /** The head, or a line of a chunked body, as far as it came. */
  private text = ''
  private left = 0
  private skipped = 0
  /** The last good head and what it said: a server's heads are the same for a second. */
  private known = { head: '', status: 0, keepAlive: true, left: 0, state: 'head' as State }

  /** Ready for the next answer of the same connection, or another. */
  reset(): void {
    this.status = this.left = this.skipped = 0
    this.keepAlive = true
    this.fault = this.text = ''
    this.state = 'head'
  }

  /** Takes what arrived; answers whether the answer is complete, or no answer. */
  feed(bytes: Buffer): 'more' | 'done' | 'bad' {
    let pos = 0
    while (pos < bytes.length && this.state !== 'done' && this.state !== 'bad') pos = this.step(bytes, pos)
    // Nobody asked for what stands behind the answer.
    if (this.state === 'done' && pos < bytes.length) this.keepAlive = false
    return this.state === 'done' || this.state === 'bad' ? this.state : 'more'
  }

  /** The peer closed: true when the answer may end so. */
  closed(): boolean {
    return this.state === 'until_close'
  }

  private step(bytes: Buffer, pos: number): number {
    if (this.state === 'head') return this.readHead(bytes, pos)
    if (this.state === 'length' || this.state === 'chunk') return this.skip(bytes, pos)
    if (this.state === 'until_close') return this.count(bytes.length - pos) ? bytes.length : pos
    return this.readLine(bytes, pos)
  }

  private readHead(bytes: Buffer, pos: number): number {
    const known = this.text.length
    this.text += bytes.toString('latin1', pos, Math.min(bytes.length, pos + maxHeadBytes + 4))
    const end = this.text.indexOf('\r\n\r\n', Math.max(0, known - 3))
    if (end < 0) {
      if (this.text.length > maxHeadBytes) return this.fail('the head of its answer is too long', pos)
      if (this.text.length >= 5 && !this.text.startsWith('HTTP/')) return this.fail('its answer is not HTTP', pos)
      return bytes.length
    }
    const head = this.text.slice(0, end)
    this.text = ''
    this.begin(head)
    return pos + end + 4 - known
  }

  private begin(head: string): void {
    const { known } = this
    if (head === known.head) {
      this.status = known.status
      this.keepAlive = known.keepAlive
      this.left = known.left
      this.state = known.state
      return
    }
    this.parse(head)
    const { status, keepAlive, left, state } = this
    if (state !== 'bad' && state !== 'head') this.known = { head, status, keepAlive, left, state }
  }

  private parse(head: string): void {
    const match = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [^\r\n]*)?(?:\r\n|$)/.exec(head)
    if (!match) return void this.fail('its answer is not HTTP', 0)
    const status = Number(match[2])
    // An interim answer: the real one follows.
    if (status < 200) return void (status === 101 && this.fail('it wants another protocol', 0))
    this.status = status
    const fields = headerFields(head.slice(match[0].length))
    if (!fields) return void this.fail('the head of its answer is malformed', 0)
    const connection = fields.connection?.toLowerCase() ?? ''
    this.keepAlive = match[1] === '1' ? !/\bclose\b/.test(connection) : /\bkeep-alive\b/.test(connection)
    this.beginBody(fields)
  }

  private beginBody(fields: Record<string, string>): void {
    const coding = fields['transfer-encoding']
    const length = fields['content-length']
    if (this.status === 204 || this.status === 304) this.state = 'done'
    else if (coding !== undefined) {
      if (coding.toLowerCase() === 'chunked' && length === undefined) this.state = 'chunk_size'
      else this.fail('its answer has no clear length', 0)
    } else if (length !== undefined) {
      if (!/^\d{1,15}$/.test(length)) return void this.fail('its answer has no clear length', 0)
      this.left = Number(length)
      this.state = this.left === 0 ? 'done' : 'length'
      if (this.left > maxBodyBytes) this.fail('its answer is too long', 0)
    } else {
      this.state = 'until_close'
      this.keepAlive = false
    }
  }

  private skip(bytes: Buffer, pos: number): number {
    const here = Math.min(this.left, bytes.length - pos)
    this.left -= here
    if (!this.count(here)) return pos
    if (this.left === 0) this.state = this.state === 'length' ? 'done' : 'chunk_end'
    return pos + here
  }

  private count(bytes: number): boolean {
    this.skipped += bytes
    if (this.skipped > maxBodyBytes) this.fail('its answer is too long', 0)
    return this.skipped <= maxBodyBytes
  }

  private readLine(bytes: Buffer, pos: number): number {
    const at = bytes.indexOf(10, pos)
    const end = at < 0 ? bytes.length : at + 1
    if (this.text.length + end - pos > maxHeadBytes) return this.fail('a line of its answer is too long', pos)
    this.text += bytes.toString('latin1', pos, end)
    if (at < 0) return end
    const line = this.text
    this.text = ''
    if (!line.endsWith('\r\n')) return this.fail('its answer is malformed', pos)
    this.endLine(line.slice(0, -2))
    return end
  }

  private endLine(line: string): void {
    if (this.state === 'chunk_end') {
      if (line === '') this.state = 'chunk_size'
      else this.fail('its answer is malformed', 0)
    } else if (this.state === 'trailers') {
      if (!this.count(line.length + 2)) return
      if (line === '') this.state = 'done'
    } else {
      const match = /^([0-9A-Fa-f]{1,8})[\t ]*(?:;.*)?$/.exec(line)
      if (!match) return void this.fail('its answer is malformed', 0)
      this.left = Number.parseInt(match[1]!, 16)
      this.state = this.left === 0 ? 'trailers' : 'chunk'
    }
  }

  private fail(reason: string, pos: number): number {
    this.state = 'bad'
    this.keepAlive = false
    this.fault = reason
    return pos
  }
}

/** The fields that say how long an answer is; undefined when the head is malformed or contradicts itself. */
function headerFields(text: string): Record<string, string> | undefined {
  const fields: Record<string, string> = {}
  if (text === '') return fields
  for (const line of text.split('\r\n')) {
    const match = /^([!#$%&'*+.^`|~\w-]+):[\t ]*([^\r\n]*?)[\t ]*$/.exec(line)
    if (!match) return undefined
    const name = match[1]!.toLowerCase()
    if (name !== 'content-length' && name !== 'transfer-encoding' && name !== 'connection') continue
    const before = fields[name]
    if (before !== undefined && name !== 'connection' && before !== match[2]) return undefined
    fields[name] = before !== undefined && name === 'connection' ? `${before},${match[2]}` : match[2]!
  }
  return fields
}
