import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { ledgerFamilies } from '../../delivery/ledger-families.ts'
import type { Host } from '../../plugin.ts'
import type { Family as Counted, Labels } from '../../runtime/metrics.ts'
import { type Family, TEXT_CONTENT_TYPE, writeFamilies } from '../../wire/prometheus/write.ts'
import { runtimeFamilies } from './runtime-families.ts'
import type { Reading, Selector } from './selector.ts'

/** A family under a name of the operator's choice. */
export interface ChosenFamily {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  readonly labels: Labels
  readonly by: readonly string[]
  readonly from: readonly Selector[]
}

/** Answers requests with the page. Text format 0.0.4 only, gzip when asked for. */
export function exposition(chosen: readonly ChosenFamily[], host: Host, options: { runtime: boolean }) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const counted = [...host.metrics.families(), ...ledgerFamilies(host.ledger)]
    const families = [...merged(chosen, host), ...counted.map(printed), handlerErrors]
    if (options.runtime) families.push(...runtimeFamilies())
    const text = Buffer.from(writeFamilies(families))
    const gzip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
    const body = gzip ? gzipSync(text, { level: 1 }) : text
    response.writeHead(200, {
      'content-type': `${TEXT_CONTENT_TYPE}; escaping=underscores`,
      'content-length': body.length,
      ...(gzip && { 'content-encoding': 'gzip' }),
    })
    response.end(request.method === 'HEAD' ? undefined : body)
  }
}

const pairs = (labels: Labels) => Object.entries(labels)

/** Chosen families; those of one name are one family with several series. */
function merged(chosen: readonly ChosenFamily[], host: Host): Family[] {
  const families = new Map<
    string,
    { name: string; help: string; type: 'counter' | 'gauge'; samples: Family['samples'][number][] }
  >()
  for (const { name, help, type, labels, by, from } of chosen) {
    const family = families.get(name) ?? { name, help, type, samples: [] }
    families.set(name, family)
    const readings = from.flatMap((selector) => selector(host))
    if (by.length === 0) family.samples.push({ labels: pairs(labels), value: sum(readings) })
    else
      for (const group of grouped(readings, by))
        family.samples.push({ labels: [...pairs(labels), ...group.labels], value: group.value })
  }
  return [...families.values()]
}

const sum = (readings: readonly Reading[]) => readings.reduce((total, { value }) => total + value, 0)

function grouped(readings: readonly Reading[], by: readonly string[]): { labels: [string, string][]; value: number }[] {
  const groups = new Map<string, { labels: [string, string][]; value: number }>()
  for (const { labels, value } of readings) {
    const kept = by.map((name): [string, string] => [name, labels[name] ?? ''])
    if (kept.every(([, text]) => text === '')) continue
    const key = JSON.stringify(kept)
    const group = groups.get(key)
    if (group) group.value += value
    else groups.set(key, { labels: kept, value })
  }
  return [...groups.values()]
}

/** A family of the books or of a component as it prints. */
const printed = ({ name, help, type, series }: Counted): Family => ({
  name,
  help,
  type,
  samples: series.map(({ labels, value }) => ({ labels: pairs(labels), value })),
})

/** Every page of the original agents carries it; here gathering cannot fail. */
const handlerErrors: Family = {
  name: 'promhttp_metric_handler_errors_total',
  help: 'Total number of internal errors encountered by the promhttp metric handler.',
  type: 'counter',
  samples: ['encoding', 'gathering'].map((cause) => ({ labels: [['cause', cause]], value: 0 })),
}
