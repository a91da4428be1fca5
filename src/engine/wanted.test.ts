import { describe, expect, test } from 'vitest'
import { object } from '../config/fields.ts'
import { defineExporter, defineReceiver, type Format } from '../plugin.ts'
import type { Instance, PipelinePlan } from './plan.ts'
import { wantedParts } from './wanted.ts'

const about = { stability: 'experimental', summary: 'For a test.', config: object({}) } as const
const life = { start: async () => {}, stop: async () => {} }
const receiver = defineReceiver({ ...about, type: 'r', makes: ['logs'], pushesBack: true, create: () => life })
const delivery = { semantics: 'at least once', order: 'kept', on_kill: 'nothing' } as const
const create = () => ({ ...life, consume() {}, admissions: () => [] })
const exporter = defineExporter({ ...about, type: 'e', takes: ['logs', 'metrics', 'traces'], delivery, create })

/** The exporter behind pipelines of these formats. */
function exporterOf(formats: readonly Format[], config: unknown = {}) {
  const instance = (spec: Instance['spec'], settings: unknown): Instance => ({
    id: spec.type,
    spec,
    config: settings,
    required: true,
  })
  const pipelines: PipelinePlan[] = formats.map((format) => ({
    id: format,
    format,
    receivers: ['r'],
    processors: [],
    exporters: ['e'],
  }))
  const instances = [instance(receiver, {}), instance(exporter, config)]
  const plan = { instances, pipelines, extensions: [], memoryLimit: 1, shutdownTimeoutMs: 1 }
  return wantedParts(plan).find(({ kind }) => kind === 'exporter')!
}

describe('an exporter', () => {
  test.each<[Format[], Format[]]>([
    [['logs'], ['logs']],
    [
      ['traces', 'logs'],
      ['logs', 'traces'],
    ],
    // A converter stands in between.
    [['envelopes'], ['logs', 'metrics', 'traces']],
  ])('behind pipelines of %j gets %j', (formats, come) => {
    expect(exporterOf(formats).formats).toEqual(come)
  })

  test.each([
    ['queues on disk is made anew', { sending_queue: { enabled: true, storage: 'file_storage' } }, true],
    ['dead letters is made anew', { sending_queue: { enabled: true }, dead_letter: { storage: 'file_storage' } }, true],
    ['queues in memory stays', { sending_queue: { enabled: true } }, false],
  ])('with %s when other formats come', (_, config, isChanged) => {
    const [before, after] = [exporterOf(['logs'], config), exporterOf(['logs', 'traces'], config)]
    expect(before.around !== after.around).toBe(isChanged)
  })
})
