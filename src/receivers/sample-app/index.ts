import { duration, int, object, text } from '../../config/fields.ts'
import { Batch, type Component, defineReceiver, type Host, type Intake } from '../../plugin.ts'
import { type EnvelopeMessage, writeEnvelopes } from '../../wire/write-envelope.ts'

/** A pretended web application: something to look at before anything real is connected. */
export default defineReceiver({
  type: 'sample_app',
  stability: 'beta',
  summary: 'Pretends to be a web application that logs its requests and emits metrics; for trying things out.',
  makes: ['envelopes'],
  pushesBack: false,
  config: object({
    source_id: text().default('sample-app').describe('Source id of everything it makes.'),
    interval: duration().default('1s').describe('Time between requests.').meta({ unit: 'ms' }),
    metrics_every: int({ min: 1 }).default(10).describe('Metrics come with every so many requests.'),
  }),
  create: ({ config, host, intakes }) => newSampleApp(config, host, intakes.envelopes!),
})

interface Settings {
  source_id: string
  interval: number
  metrics_every: number
}

const requests = [
  { line: 'GET / 200', milliseconds: 12 },
  { line: 'GET /orders 200', milliseconds: 31 },
  { line: 'POST /orders 201', milliseconds: 54 },
  { line: 'GET /orders/17 404', milliseconds: 9, stderr: true },
  { line: 'GET /health 200', milliseconds: 1 },
]

function newSampleApp(config: Settings, host: Host, intake: Intake): Component {
  let count = 0
  let timer: { cancel(): void } | undefined
  const tick = () => {
    const head = {
      timestamp: BigInt(host.clock.now()) * 1_000_000n,
      sourceId: config.source_id,
      instanceId: '0',
      tags: { source_type: 'APP/PROC/WEB' },
    }
    const { line, milliseconds, stderr = false } = requests[count++ % requests.length]!
    const messages: EnvelopeMessage[] = [{ log: { payload: `${line} ${milliseconds} ms`, stderr } }]
    if (count % config.metrics_every === 0) {
      messages.push({ counter: { name: 'requests', delta: BigInt(config.metrics_every) } })
      messages.push({ gauge: { memory: { unit: 'bytes', value: 40e6 + (count % 7) * 1e6 } } })
    }
    void intake.offer(Batch.of('envelopes', writeEnvelopes(messages.map((message) => ({ head, message })))))
    timer = host.clock.after(config.interval, tick)
  }
  return {
    async start() {
      timer = host.clock.after(config.interval, tick)
    },
    async stop() {
      timer?.cancel()
    },
  }
}
