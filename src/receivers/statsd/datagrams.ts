/** What one mode of the receiver does with datagrams. */
export interface Datagrams {
  take(packet: Buffer): void
  start(): void
  /** Offers what is left. */
  stop(): void
}
