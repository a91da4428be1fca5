/** What is sent, unit by unit. */
export interface Load {
  /** Records in one unit. */
  readonly per: number
  /** Sends unit `i`; false: the peer does not keep up. With `stamped` its records carry the present time. */
  send(i: number, stamped: boolean): boolean
  close(): void
}
