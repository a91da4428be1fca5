import { bool, type ConfigOf, endpoint, list, object, size } from '../../config/fields.ts'

/** Settings of the receiver. */
export const config = object({
  endpoint: endpoint().default('127.0.0.1:3457').describe('UDP address to listen on, IPv4.'),
  disabled: bool().default(false).describe('Do not listen at all.'),
  announce: list()
    .default(['udp bound to: {address}'])
    .describe('Lines to print when the port is bound, for tooling that looks for them.'),
  receive_buffer: size({ min: 1 })
    .default('4MiB')
    .describe('Receive buffer to ask of the kernel, which grants at most net.core.rmem_max.'),
})

export type DropsondeConfig = ConfigOf<typeof config>
