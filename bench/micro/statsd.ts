/** `node --conditions=tailrace-source bench/micro/statsd.ts`: CPU microseconds a line, ten lines a datagram. */
import { ForwardWriter } from '../../src/wire/forward-writer.ts'
import { Injector } from '../../src/wire/statsd/injector.ts'
import { StatsdParser } from '../../src/wire/statsd/parse.ts'

const DATAGRAMS = 2000
const LINES = 10
const ROUNDS = 15

function datagrams(line: (i: number) => string): Buffer[] {
  return Array.from({ length: DATAGRAMS }, (_, packet) =>
    Buffer.from(Array.from({ length: LINES }, (_, at) => line(packet * LINES + at)).join('\n')),
  )
}

function best(name: string, work: () => void): void {
  let least = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(start)
    least = Math.min(least, user + system)
  }
  console.log(`${name}: ${(least / (DATAGRAMS * LINES)).toFixed(3)} µs/line`)
}

const plain = datagrams((i) => `uaa.requests.global.completed.count${i % 500}:${i}|${i % 3 ? 'g' : 'c'}`)
const tagged = datagrams((i) => `cc.http_status.${i % 500}.2XX:1|c|@0.5|#env:prod,zone:z1`)
const dog = datagrams((i) => `page.views.${i % 500}:${i}|c|@0.5|#env:prod,zone:z1,service:web|c:ci-83`)
const out = new ForwardWriter(1 << 20)

for (const [name, packets] of [
  ['injector, plain lines', plain],
  ['injector, rate and two tags', tagged],
] as const) {
  const injector = new Injector({ maxSeries: 10_000 })
  best(name, () => {
    for (const packet of packets) {
      if (out.length > 500_000) out.reset()
      injector.write(packet, 1, 400_000_000, out)
    }
  })
}

for (const [name, packets] of [
  ['parser, plain lines', plain],
  ['parser, DogStatsD lines', dog],
] as const) {
  const parser = new StatsdParser()
  let sum = 0
  best(name, () => {
    for (const packet of packets) {
      parser.open(packet)
      while (parser.next()) sum += parser.value
    }
  })
  if (sum === 0) throw new Error('nothing was parsed')
}
