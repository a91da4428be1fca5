import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeCertificates } from '../src/cli/certs.ts'
import { type Cache, startCache } from './cache.ts'
import { calibrate } from './calibration.ts'
import type { LoadSpec } from './driver/loads.ts'
import type { StepResult } from './driver/step.ts'
import type { Driver } from './driver.ts'
import { machineTicks, memoryOf } from './proc.ts'
import { type RoleProcess, startRole } from './role-process.ts'
import { configOf, type RoleName, type RoleSetup, roles } from './roles.ts'
import type { Row } from './row.ts'

/** What one row came to. `cpu`: microseconds per record; times in milliseconds, memory in MiB. */
export interface Figures {
  calibration: number
  /** Share of the machine's time that its host gave to others meanwhile: above some per cent no figure is worth much. */
  stolen: number
  cpu: number
  perSecond: number
  rss: number
  rssPrivate: number
  rssMost: number
  /** CPU of the load process; near 100 the figures say more about it than about the role. */
  driverPercent: number
  p50?: number
  p99?: number
  /** Share of the records that did not arrive, by destination, where any is missing. */
  lost: Record<string, number>
}

/** Idle memory and start of one role. */
export interface Standing {
  readyMs: number
  rss: number
  rssPrivate: number
}

export interface Bench {
  measure(row: Row, quick: boolean): Promise<Figures>
  standing(role: RoleName, quick: boolean): Promise<Standing>
  end(): void
}

/** Slow rows are measured on a process that has seen as much as one that has run for a while. */
const warmRate = 20_000
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

export function newBench(driver: Driver): Bench {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-bench-'))
  const certs = join(dir, 'certs')
  writeCertificates(certs, 2)
  const files = { ca: join(certs, 'ca.crt'), cert: join(certs, 'metron.crt'), key: join(certs, 'metron.key') }
  const sinkFiles = (kind: string) => {
    const name = kind === 'otlp' ? 'otel-collector' : kind === 'doppler' ? 'doppler' : 'metron'
    return { ...files, cert: join(certs, `${name}.crt`), key: join(certs, `${name}.key`) }
  }
  let starts = 0
  let cache: Cache | undefined

  /** Destinations first, then the role that looks for them. */
  const start = async (role: RoleName): Promise<RoleProcess> => {
    const setup = roles[role]
    const address: Record<string, string> = {}
    for (const [name, kind] of Object.entries(setup.sinks))
      Object.assign(address, await driver.ask({ do: 'sinks', sinks: { [name]: kind }, files: sinkFiles(name) }))
    const pagePort = setup.page ? ((await driver.ask({ do: 'page', series: setup.page })) as number) : 0
    const work = join(dir, `start-${starts++}`)
    mkdirSync(work)
    cache = setup.drains && (await startCache(setup.drains(address), certs))
    const cacheUrl = cache?.url ?? ''
    return startRole(configOf(role, work), setup.env({ certs, work, address, pagePort, cacheUrl }))
  }
  const stop = async (process: RoleProcess) => {
    await process.stop()
    cache?.stop()
    await driver.ask({ do: 'close' })
  }
  return {
    async measure(row, quick) {
      const setup = roles[row.role]
      const process = await start(row.role)
      try {
        const address = setup.listens ? process.find(setup.listens) : ''
        await driver.ask({ do: 'load', load: { ...row.load, address } as LoadSpec, files })
        const before = calibrate()
        const ticks = machineTicks()
        const step = await driver.step({
          pid: process.pid,
          rate: row.rate,
          warmRate: row.warmRate ?? (row.rate > 0 ? Math.max(row.rate, warmRate) : row.rate),
          warmMs: quick ? 2000 : 5000,
          ms: (row.seconds ?? 4) * (quick ? 500 : 1000),
          latency: row.latency ?? false,
          quietMs: row.quietMs ?? 400,
          ...(row.stall && { stall: { sink: row.stall, ms: (row.seconds ?? 4) * (quick ? 500 : 1000) } }),
        })
        const after = machineTicks()
        const stolen = (after.stolen - ticks.stolen) / (after.all - ticks.all)
        return figures(row, setup, step, { calibration: Math.round((before + calibrate()) / 2), stolen })
      } finally {
        await stop(process)
      }
    },
    async standing(role, quick) {
      const goes: Standing[] = []
      // The first start fills the compile cache and does not count.
      for (let go = 0; go < (quick ? 2 : 4); go++) {
        const process = await start(role)
        await sleep(quick ? 1000 : 4000)
        const { rss, private: rssPrivate } = memoryOf(process.pid)
        if (go > 0) goes.push({ readyMs: process.readyMs, rss, rssPrivate })
        await stop(process)
      }
      return goes.sort((a, b) => a.readyMs - b.readyMs)[Math.floor(goes.length / 2)]!
    },
    end: () => rmSync(dir, { recursive: true, force: true }),
  }
}

function figures(
  row: Row,
  setup: RoleSetup,
  step: StepResult,
  machine: Pick<Figures, 'calibration' | 'stolen'>,
): Figures {
  const sent = setup.page !== undefined ? step.fetched * setup.page : step.sent
  const lost: Record<string, number> = {}
  for (const { name, records } of step.sinks) {
    const missing = 1 - records / (sent * (row.factor?.[name] ?? 1))
    if (Math.abs(missing) > 1e-6) lost[name] = missing
  }
  // Of several destinations the otlp one is the slow one: that is the one asked about where it exists.
  const timed = step.sinks.find(({ name }) => name === 'otlp') ?? step.sinks[0]!
  return {
    ...machine,
    cpu: step.cpuMicros / sent,
    perSecond: sent / step.seconds,
    rss: step.rss,
    rssPrivate: step.rssPrivate,
    rssMost: step.rssMost,
    driverPercent: Math.round(step.driverPercent),
    ...(timed.p50 !== undefined && { p50: timed.p50, p99: timed.p99! }),
    lost,
  }
}
