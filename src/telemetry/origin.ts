/** Where records came from. Made once per connection and shared by all of its batches. */
export interface Origin {
  /** Peer address, `127.0.0.1:50312`. */
  readonly address: string
  /** Subject of the peer's certificate, `CN=metron`, when it showed one. */
  readonly subject?: string
  /** Selected request metadata (header names in lower case). */
  readonly metadata?: Readonly<Record<string, string>>
}
