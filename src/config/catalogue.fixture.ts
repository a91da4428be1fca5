import { block, bool, duration, endpoint, extensionId, int, list, map, object, secret, tlsServer } from './fields.ts'
import type { Catalogue, CatalogueEntry, Kind } from './schema.ts'

const listener = object({ endpoint: endpoint().default('127.0.0.1:8125').describe('Where to listen.') })
export const empty = object({})
/** Components for the tests of this folder. */
export const entries: CatalogueEntry[] = [
  {
    kind: 'receiver',
    type: 'statsd',
    config: listener,
    resources: (config) => [`udp ${(config as { endpoint: { text: string } }).endpoint.text}`],
  },
  {
    kind: 'receiver',
    type: 'otlp',
    config: object({
      protocols: object({
        grpc: block({ endpoint: endpoint().default('localhost:4317'), tls: tlsServer().optional() }),
        http: block({
          endpoint: endpoint().default('localhost:4318'),
          auth: object({ authenticator: extensionId() }).optional(),
        }),
      }).refine(
        ({ grpc, http }) => grpc !== undefined || http !== undefined,
        'must specify at least one protocol when using the OTLP receiver',
      ),
    }),
  },
  {
    kind: 'processor',
    type: 'batch',
    config: object({ timeout: duration().default('200ms'), size: int({ min: 1 }).default(8192) }),
  },
  { kind: 'exporter', type: 'debug', config: empty },
  {
    kind: 'exporter',
    type: 'otlp',
    aliases: ['otlp_grpc'],
    config: object({
      endpoint: endpoint(),
      headers: map(secret()).default({}),
      hosts: list(object({ key: secret(), on: bool().default(true) })).default([]),
    }),
  },
  { kind: 'connector', type: 'forward', config: empty },
  {
    kind: 'connector',
    type: 'sorter',
    config: object({ to: list().default([]) }),
    pipelines: (config) => (config as { to: string[] }).to.map((id, i) => ({ id, path: ['to', i] })),
  },
  { kind: 'extension', type: 'health_check', config: listener },
]

export const catalogue: Catalogue = {
  find: async (kind, type) =>
    entries.find((entry) => entry.kind === kind && [entry.type, ...(entry.aliases ?? [])].includes(type)),
  types: (kind) => entries.filter((entry) => entry.kind === kind).map((entry) => entry.type),
  hint: (kind: Kind, type) =>
    kind === 'exporter' && type === 'logging' ? 'use the debug exporter instead' : undefined,
}
