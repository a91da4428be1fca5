/**
 * The process that sends load and is at the same time every destination, driven by `bench/driver.ts` over the channel
 * of `child_process`: one answer for each request, in order.
 */
import type { TlsFiles } from '../../src/net/tls.ts'
import type { Load } from './load.ts'
import { type LoadSpec, openLoad, openPage } from './loads.ts'
import type { Sink } from './sink.ts'
import { openSink, type SinkKind } from './sinks.ts'
import { runStep, type StepSpec } from './step.ts'

export type Request =
  | { do: 'sinks'; sinks: Record<string, SinkKind>; files: TlsFiles }
  | { do: 'page'; series: number }
  | { do: 'load'; load: LoadSpec; files: TlsFiles }
  | { do: 'step'; step: StepSpec }
  | { do: 'close' }

const sinks: Sink[] = []
let load: Load | undefined
let page: Awaited<ReturnType<typeof openPage>> | undefined

async function answer(request: Request): Promise<unknown> {
  switch (request.do) {
    case 'sinks':
      for (const [name, kind] of Object.entries(request.sinks)) sinks.push(await openSink(name, kind, request.files))
      return Object.fromEntries(sinks.map(({ name, address }) => [name, address]))
    case 'page':
      page = await openPage(request.series)
      return page.port
    case 'load':
      load?.close()
      load = await openLoad(request.load, request.files)
      return undefined
    case 'step':
      return runStep(load!, sinks, request.step, () => page?.hits() ?? 0)
    case 'close':
      load?.close()
      page?.close()
      await Promise.all(sinks.splice(0).map((sink) => sink.stop()))
      load = undefined
      page = undefined
      return undefined
  }
}

let queue = Promise.resolve()
process.on('message', (request: Request) => {
  queue = queue.then(async () => {
    try {
      process.send!({ result: await answer(request) })
    } catch (error) {
      process.send!({ error: String(error) })
    }
  })
})
process.on('disconnect', () => process.exit(0))
