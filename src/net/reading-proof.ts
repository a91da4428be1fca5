/** More than the buffers of two machines hold for one connection (Linux: 4 MiB here, 6 to 32 MiB there, unless it is told otherwise). */
const mostBuffered = 48 << 20

/**
 * Whether a peer that never answers reads. It is believed to, until a connection stood still. From then on a new connection says
 * nothing, nor do the first bytes on it, which buffers take whoever listens. The peer is believed again when one connection has taken
 * twice what was given to the one that stood still, or when it ends a connection in order: a machine whose application has left
 * something unread resets it instead.
 */
export class ReadingProof {
  /** Bytes written to the connection of the moment. */
  private given = 0
  /** Bytes that one connection must take; 0: there is no doubt. */
  private needed = 0

  /** Whether what was taken of late may stand in buffers that nobody reads. */
  get doubted(): boolean {
    return this.needed > 0
  }

  /** There is a new connection. */
  opened(): void {
    this.given = 0
  }

  /** So many bytes are being written. */
  gives(bytes: number): void {
    this.given += bytes
  }

  /** All that was given was taken. */
  taken(): void {
    if (this.given >= this.needed) this.needed = 0
  }

  /** The peer took nothing for too long. */
  stoodStill(): void {
    this.needed = Math.max(1, Math.min(2 * this.given, mostBuffered))
  }

  /** The peer ended a connection in order that something was written to. */
  ended(): void {
    this.needed = 0
  }
}
