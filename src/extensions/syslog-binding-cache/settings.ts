import { parseDenyRanges } from '../../drains/deny-ranges.ts'
import { bool, duration, endpoint, int, object, path, size, text, tlsClient, tlsServer, url } from '../../plugin.ts'

const denyFault = (ranges: string): string => {
  try {
    parseDenyRanges(ranges)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

/** The settings of the extension. */
export const fields = object({
  endpoint: endpoint().describe('Address that agents ask for their drains; the original listens on every interface.'),
  tls: tlsServer()
    .optional()
    .describe('Certificates, with client_ca_file: the answers hold keys. Only on loopback may it be left out.'),
  common_name: text()
    .default('')
    .describe('Name that agents expect in our certificate: a warning tells when it is not there.'),
  api: object({
    url: url().describe('The Cloud Controller: https://cloud-controller-ng.service.cf.internal:9023.'),
    tls: tlsClient().optional().describe('Certificates towards it.'),
    polling_interval: duration({ min: '100ms' }).default('15s').describe('From the end of one round to the next.'),
    batch_size: int({ min: 1 }).default(1000).describe('Drain URLs a page.'),
    disable_keep_alives: bool().default(true).describe('A connection for each page.'),
    request_timeout: duration({ min: '1ms' }).default('30s').describe('For one page, from name to last byte.'),
    max_size: size({ min: 1024 }).default('256MiB').describe('Largest list, all pages together.'),
    max_pages: int({ min: 1 }).default(10_000).describe('Most pages of one round.'),
  }).describe('Where the list of bindings comes from.'),
  aggregate_drains_file: path()
    .optional()
    .describe('YAML file with drains that get everything: a list of url, cert, key, ca; read once at start.'),
  blacklisted_syslog_ranges: text()
    .refine((ranges) => denyFault(ranges) === '', { error: ({ input }) => denyFault(String(input)) })
    .default('')
    .describe('Addresses that drains must not have: 10.0.0.0-10.0.255.255,169.254.0.0/16.'),
  warn_on_invalid_drains: bool()
    .default(true)
    .describe('Tell operator and developers about drains that are not usable.'),
  repeat_warnings: duration().default('10m').describe('How often the same line may go to the same application.'),
  dns_timeout: duration({ min: '1ms' }).default('5s').describe('For one name.'),
  agent: object({
    endpoint: endpoint().describe('Ingress of the agent on this machine.'),
    tls: tlsClient().optional().describe('Certificates towards it; it must show the name metron.'),
  })
    .optional()
    .describe('Where lines for applications go. Left out: nowhere.'),
})

export type BindingCacheConfig = ReturnType<typeof fields.parse>
