/** Where records came from. Made once per connection and shared by all of its batches. */
export interface Origin {
  /** Peer address without its port, `10.0.0.7`. */
  readonly address: string
  readonly port: number
  /** Common name of the peer's certificate, when it showed one. */
  readonly subject: string | undefined
  /** Selected request metadata (header names in lower case). */
  readonly metadata?: Readonly<Record<string, string>>
}
