import { type ConfigOf, deliveryFields, endpoint, int, object, text, tlsClient } from 'tailrace/plugin'

export const firehoseConfig = object({
  router_addr: endpoint().describe('Name and port of the dopplers.'),
  router_addr_with_az: text()
    .default('')
    .describe('The same in the own availability zone, looked up first. An `@` in it becomes `-`.'),
  tls: tlsClient().optional().describe('Certificates; without them the connections are plaintext HTTP/2.'),
  connections: int({ min: 1, max: 100 }).default(5).describe('Streams to dopplers for each of the two protocols.'),
  recycle_after: int({ min: 1 })
    .default(100_000)
    .describe('After this many writes, and up to 999 more, a stream moves to another doppler.'),
  ...deliveryFields({ when_full: 'drop_oldest', retry: false, timeout: 0, num_consumers: 5 }),
})

export type FirehoseConfig = ConfigOf<typeof firehoseConfig>
