import type { Address } from './address.ts'
import { holdsTcp } from './listener.ts'
import { holdsUdp } from './udp.ts'

/** Whether this process listens on this very address. */
export const holdsAddress = (transport: 'tcp' | 'udp', address: Address): boolean =>
  transport === 'tcp' ? holdsTcp(address) : holdsUdp(address)
