import { type OtelFault, type OtlpTarget, readTarget, type Target } from './otel-target.ts'

/** One entry of a list of processors, as the Collector writes it. */
export interface SendingProcessor {
  readonly kind: 'batch' | 'simple'
  /** Standard output: for trying. */
  readonly target: Target | 'console'
  /** What else stands there. */
  readonly settings: Readonly<Record<string, unknown>>
  readonly path: OtelFault['path']
}

interface Written {
  exporter?: { otlp?: OtlpTarget; console?: unknown }
}

const hint = 'write [{batch: {exporter: {otlp: {endpoint: "http://127.0.0.1:4317"}}}}]'

/** Reads the Collector's list: `- batch: {schedule_delay: 1000, exporter: {otlp: {endpoint: "http://host:4317"}}}`. */
export function readProcessors(list: unknown, path: OtelFault['path'], faults: OtelFault[]): SendingProcessor[] {
  if (list === undefined || list === null) return []
  if (!Array.isArray(list)) {
    faults.push({ path, message: 'expected a list', hint })
    return []
  }
  return list.flatMap((item: Record<string, Written> | undefined, i): SendingProcessor[] => {
    const [[kind, settings] = [], ...others] = Object.entries(item ?? {}).filter(([, value]) => value !== undefined)
    if (others.length > 0 || (kind !== 'batch' && kind !== 'simple')) {
      faults.push({ path: [...path, i], message: 'expected batch or simple', hint })
      return []
    }
    const { exporter, ...more } = settings ?? {}
    const at = [...path, i, kind]
    const given = { kind, settings: more, path: at } as const
    if (!exporter?.otlp) {
      if (exporter?.console !== undefined) return [{ ...given, target: 'console' }]
      faults.push({ path: at, message: 'there is no exporter that could be sent to', hint })
      return []
    }
    const target = readTarget(exporter.otlp, [...at, 'exporter', 'otlp'], faults)
    return target ? [{ ...given, target }] : []
  })
}
