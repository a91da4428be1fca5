import { expect, test } from 'vitest'
import { canonical } from '../support/canonical.ts'
import { sendDatagrams } from '../support/client.ts'
import { decodeEnvelope } from '../support/decode.ts'
import { udpForwarderEnv } from '../support/environments.ts'
import { type Golden, readGolden } from '../support/golden.ts'
import { startRole } from '../support/role.ts'
import { startIngressSink } from '../support/sinks.ts'

const rows = readGolden('udp-forwarder')
const environments = [...new Set(rows.map(({ settings }) => JSON.stringify(settings)))]

/** A valid datagram that tells where a recorded one ends: its name is the number of the row. */
const marker = (i: number) => {
  const name = Buffer.from(`row-${i}`)
  const metric = Buffer.concat([
    Buffer.from([0x0a, name.length]),
    name,
    Buffer.from([0x11, ...Array(8).fill(0), 0x1a, 1, 0x78]),
  ])
  return Buffer.concat([Buffer.from([0x0a, 1, 0x6d, 0x10, 6, 0x4a, metric.length]), metric])
}

test.each(environments)('answers every recorded datagram as the original did with %s', async (text) => {
  const mine = rows.filter(({ settings }) => JSON.stringify(settings) === text)
  const sink = await startIngressSink()
  const role = await startRole('udp-forwarder', { ...udpForwarderEnv(sink.address), ...JSON.parse(text) })
  const address = await role.udp()
  await sendDatagrams(
    address,
    mine.flatMap(({ input }, i) => [input, marker(i)]),
  )
  const expected = mine.flatMap(({ output }) => output)
  await sink.until('all datagrams', () => sink.count() >= expected.length + mine.length)
  const got: string[][] = [[]]
  for (const envelope of sink.envelopes()) {
    if (Object.keys(envelope.gauge?.metrics ?? {})[0]?.startsWith('row-')) got.push([])
    else got.at(-1)!.push(canonical(envelope))
  }
  let lost = 0
  for (const [i, row] of mine.entries()) {
    // Text that is not UTF-8 is repaired where the original lost it and its neighbours.
    const repaired = row.output.length === 0 && got[i]!.length === 1 && got[i]![0]!.includes('\ufffd')
    if (!repaired) expect(got[i], row.name).toEqual(wanted(row))
    if (got[i]!.length === 0) lost++
  }
  const page = await role.metrics()
  expect(page.get('ingress{metric_version="1.0"}')).toBe(2 * mine.length)
  expect(page.get('dropped{direction="all",metric_version="1.0"}')).toBe(lost)
})

const wanted = ({ output }: Golden) => output.map((bytes) => canonical(decodeEnvelope(bytes)))

test('its page has every series at 0 from the start, and losses of the socket and the queue in one number', async () => {
  const role = await startRole('udp-forwarder', udpForwarderEnv('127.0.0.1:9'))
  const page = await role.metrics()
  expect(page.get('ingress{metric_version="1.0"}')).toBe(0)
  expect(page.get('dropped{direction="all",metric_version="1.0"}')).toBe(0)
})

test('A7: names the trouble with a malformed datagram once', async () => {
  const role = await startRole('udp-forwarder', udpForwarderEnv('127.0.0.1:9'))
  await sendDatagrams(await role.udp(), [Buffer.alloc(4), Buffer.alloc(4)])
  await role.line(/^Error unmarshalling: eventUnmarshaller: /)
  const page = await role.metricsUntil((page) => page.get('ingress{metric_version="1.0"}') === 2)
  expect(page.get('dropped{direction="all",metric_version="1.0"}')).toBe(2)
  expect(role.lines.filter((line) => line.startsWith('Error unmarshalling')).length).toBe(1)
})
