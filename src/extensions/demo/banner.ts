import type { Listening } from './ports.ts'

/** What is said once everything runs: where it listens, and three lines to copy. */
export function banner(listening: readonly Listening[], dir: string, command: string): string {
  const width = Math.max(0, ...listening.map(({ id }) => id.length))
  const rows = listening.map(({ id, type, transport, address, instead }) => {
    const moved = instead ? ` (${instead} is taken)` : ''
    return `    ${id.padEnd(width)}  ${address.padEnd(16)}  ${about[type] ?? transport}${moved}`
  })
  const tries = listening.flatMap(({ type, address }) => {
    const line = example[type]?.(address, dir, command)
    return line ? [`    ${line}`] : []
  })
  const lines = [
    '',
    '  Everything is running, on this machine only. The lines below are what arrives.',
    '',
    '  Listening:',
    ...rows,
    '',
    ...(tries.length > 0 ? ['  From a second terminal, in this folder:', ...tries, ''] : []),
    '  Ctrl-C ends it and shows what became of every record.',
    '',
  ]
  return `${lines.join('\n')}\n`
}

const about: Readonly<Record<string, string>> = {
  loggregator: 'v2 envelopes by gRPC with mutual TLS',
  dropsonde: 'v1 envelopes by UDP',
  statsd: 'StatsD lines by UDP',
  metrics_endpoint: 'what tailrace counts, as a Prometheus page',
}

const example: Readonly<Record<string, (address: string, dir: string, command: string) => string>> = {
  loggregator: (address, dir, command) => `${command} send log 'hello from me' --to ${address} --certs ${dir}`,
  statsd: (address) => `bash -c "echo 'me.orders:1|c' > /dev/udp/${address.replace(/:(\d+)$/, '/$1')}"`,
  metrics_endpoint: (address) => `curl -s http://${address}/metrics`,
}
