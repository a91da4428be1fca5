import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { root } from '../repository/process.ts'

const folder = join(root, 'packaging', 'bosh')
const jobs = join(folder, 'jobs')

export const hasRuby = spawnSync('ruby', ['-e', "require 'erb'; require 'yaml'"]).status === 0

export const jobNames = (): string[] => readdirSync(jobs).toSorted()

/** What a job is given by its manifest. Properties are flat: `tls.ca_cert`. */
export interface JobInput {
  readonly properties?: Readonly<Record<string, unknown>>
  readonly links?: Readonly<Record<string, { address: string; properties?: Readonly<Record<string, unknown>> }>>
}

/** The `spec` of a job. */
export interface JobSpec {
  readonly name: string
  readonly templates: Readonly<Record<string, string>>
  readonly packages: readonly string[]
  readonly provides?: readonly { readonly name: string; readonly properties: readonly string[] }[]
  readonly properties: Readonly<Record<string, { readonly description: string; readonly default?: unknown }>>
}

export const readSpec = (job: string): JobSpec => parse(readFileSync(join(jobs, job, 'spec'), 'utf8'))

/** The templates of a job with its monit file, by name. */
export function readTemplates(job: string): Record<string, string> {
  const names = readdirSync(join(jobs, job, 'templates'))
  const texts = names.map((name) => [name, readFileSync(join(jobs, job, 'templates', name), 'utf8')])
  return { ...Object.fromEntries(texts), monit: readFileSync(join(jobs, job, 'monit'), 'utf8') }
}

/** A process as BPM is told to run it. */
export interface BpmProcess {
  readonly name: string
  readonly executable: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

const instance = { deployment: 'cf', ip: '10.0.0.1', id: 'instance-id', az: 'z1', job: { name: 'diego-cell' } }

/** Renders a job into a folder. Throws what Ruby says. */
export function renderJob(job: string, out: string, input: JobInput): void {
  const args = [join(folder, 'render.rb'), join(jobs, job), out]
  const { status, stderr } = spawnSync('ruby', args, { input: JSON.stringify({ ...input, spec: instance }) })
  if (status !== 0) throw new Error(String(stderr))
}

/** The only process of a rendered job, with paths of this machine in place of those of a VM. */
export function processOf(job: string, out: string): BpmProcess {
  const text = readFileSync(join(out, 'config', 'bpm.yml'), 'utf8')
  const here = text
    .replaceAll(`/var/vcap/jobs/${job}/`, `${out}/`)
    .replaceAll('/var/vcap/packages/tailrace/', `${root}/`)
    .replaceAll('/var/vcap/data/', `${out}/data/`)
  return (parse(here) as { processes: [BpmProcess] }).processes[0]
}
