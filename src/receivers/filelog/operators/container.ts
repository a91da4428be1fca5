import { goLayout } from '../../../wire/times/layout.ts'
import { utc } from '../../../wire/times/location.ts'
import { readTime } from '../../../wire/times/read-time.ts'
import { type Entry, type EntryMap, type EntryValue, nameOf, OperatorFault, own, put } from './entry.ts'
import { type EntryField, getField, setField } from './entry-field.ts'
import type { Operator } from './operator.ts'
import { type RecombineOptions, Recombiner } from './recombine.ts'
import { readSeverity, type SeverityOptions } from './severity.ts'
import { jsonParser } from './text-parsers.ts'

export type ContainerFormat = 'docker' | 'crio' | 'containerd'

export interface ContainerOptions {
  /** Undefined: told by each line. */
  readonly format: ContainerFormat | undefined
  readonly from: EntryField
  readonly to: EntryField
  readonly readsPath: boolean
  readonly severity: SeverityOptions | undefined
  /** Wall time. */
  readonly now: () => number
}

/** Of lines that the runtime has cut: `P` for a part, `F` for the last one. */
const tagKey = 'logtag'
const streamKey = 'log.iostream'
const pathKey = 'log.file.path'
const layout = goLayout('2006-01-02T15:04:05.999999999Z07:00')
const zones = new Map()
const cri = /^(\S+) (stdout|stderr) (\S*) ?(.*)$/s
/** `/var/log/pods/<namespace>_<pod>_<uid>/<container>/<restarts>.log` */
const podPath = /\/([^_/]+)_([^_/]+)_([a-f0-9-]+)\/([^._/]+)\/(\d+)\.log$/
const podKeys = [
  'k8s.namespace.name',
  'k8s.pod.name',
  'k8s.pod.uid',
  'k8s.container.name',
  'k8s.container.restart_count',
]
const dockerParts = jsonParser(false)

/** The line of a container's log as its runtime wrote it: the text becomes the body, the rest time and attributes. */
export function container(options: ContainerOptions): Operator['run'] {
  const { format, from, to, severity } = options
  const readPath = options.readsPath ? pathReader() : undefined
  return (entry) => {
    const line = getField(entry, from)
    if (typeof line !== 'string') throw new OperatorFault(`${nameOf(line ?? null)} is no line of a container's log`)
    const isDocker = format === undefined ? line.startsWith('{') : format === 'docker'
    const { time, stream, log, ...others } = isDocker ? dockerParts(line, entry) : criParts(line)
    if (typeof log !== 'string') throw new OperatorFault('the line has no text in log')
    if (typeof stream === 'string') put(others, streamKey, stream)
    const nanos = typeof time === 'string' ? readTime(layout, time, { location: utc, zones, now: options.now }) : 'none'
    entry.body = log
    setField(entry, to, others)
    if (typeof nanos === 'string') throw new OperatorFault(`the line has no time: ${nanos}`)
    entry.time = nanos
    readPath?.(entry)
    if (severity) readSeverity(severity, entry)
    return true
  }
}

function criParts(line: string): EntryMap {
  const parts = cri.exec(line)
  if (!parts) throw new OperatorFault('it is no line of a container: expected a time, stdout or stderr, a tag and text')
  const [, time, stream, tag, log] = parts
  return { time: time!, stream: stream!, [tagKey]: tag!, log: log! }
}

const wholeResource: EntryField = { text: 'resource', root: 'resource', keys: [] }
/** Resources that are kept. */
const mostPods = 4096

/** Adds the pod in an entry's path to its resource: entries of one file that had the same share one afterwards. */
function pathReader(): (entry: Entry) => void {
  let before: EntryMap | undefined
  const byPath = new Map<string, EntryMap>()
  return (entry) => {
    const path = own(entry.attributes, pathKey)
    if (typeof path !== 'string') {
      throw new OperatorFault(
        'the entry has no log.file.path: set include_file_path, or add_metadata_from_filepath: false',
      )
    }
    if (entry.resource !== before || byPath.size >= mostPods) byPath.clear()
    before = entry.resource
    const known = byPath.get(path)
    if (known) {
      entry.resource = known
      return
    }
    const parts = podPath.exec(path)
    if (!parts) throw new OperatorFault('log.file.path is not that of a pod: .../namespace_pod_uid/container/0.log')
    setField(entry, wholeResource, pod(parts))
    byPath.set(path, entry.resource)
  }
}

const pod = (parts: RegExpExecArray): EntryMap => Object.fromEntries(podKeys.map((key, i) => [key, parts[i + 1]!]))

/** Joins the parts of lines that the runtime has cut: those of a file and stream that follow each other. */
export function partsOfLines(to: EntryField, bounds: Pick<RecombineOptions, 'maxBytes' | 'now'>): Recombiner {
  const tag: EntryField = { ...to, keys: [...to.keys, tagKey] }
  const stream: EntryField = { ...to, keys: [...to.keys, streamKey] }
  const isPart = (found: EntryValue | undefined) => typeof found === 'string' && found.startsWith('P')
  return new Recombiner({
    ...bounds,
    isLast: (entry) => !isPart(getField(entry, tag)),
    field: { text: 'body', root: 'body', keys: [] },
    between: '',
    base: 'newest',
    source: (entry, { id }) => `${own(entry.attributes, pathKey) ?? id} ${getField(entry, stream)}`,
    maxEntries: 0,
    maxUnmatched: 0,
    maxSources: 1000,
    flushMs: 5000,
  })
}
