import { floatText } from '../../wire/prometheus/float-text.ts'
import { escapeHelp, escapeLabelValue } from '../../wire/prometheus/write.ts'
import type { Family, Series } from './series.ts'

export interface RenderOptions {
  readonly openMetrics: boolean
  readonly timestamps: boolean
}

/** `# HELP` and `# TYPE`. */
export function familyHead({ name, type, help }: Family, { openMetrics }: RenderOptions): string {
  const shown = openMetrics && type === 'counter' ? bare(name) : name
  const text = openMetrics ? escapeLabelValue(help) : escapeHelp(help)
  return `${text === '' ? '' : `# HELP ${shown} ${text}\n`}# TYPE ${shown} ${type}\n`
}

/** OpenMetrics names the family of a counter without its suffix. */
const bare = (name: string) => name.replace(/_total$/, '')

/** All lines of one series. */
export function seriesLines(series: Series, options: RenderOptions): string {
  const { family, labels, timeMs } = series
  const { openMetrics, timestamps } = options
  const time = timestamps && timeMs > 0 ? (openMetrics ? ` ${timeMs / 1000}` : ` ${timeMs}`) : ''
  if (family.type === 'histogram') return histogram(series, openMetrics, time)
  if (family.type === 'summary') return summary(series, openMetrics, time)
  const isCounter = family.type === 'counter'
  const name = openMetrics && isCounter ? `${bare(family.name)}_total` : family.name
  const head = labels === '' ? name : `${name}{${labels}}`
  const exemplar = openMetrics && isCounter ? (series.exemplars?.[0] ?? '') : ''
  return `${head} ${openMetrics ? openMetricsFloat(series.value) : floatText(series.value)}${time}${exemplar}\n`
}

function histogram(series: Series, openMetrics: boolean, time: string): string {
  const { bounds, counts, exemplars } = series
  const { name } = series.family
  const head = series.labels === '' ? `${name}_bucket{le="` : `${name}_bucket{${series.labels},le="`
  let text = ''
  let below = 0
  for (let i = 0; i < bounds.length; i++) {
    below += counts[i] ?? 0
    if (bounds[i] === Number.POSITIVE_INFINITY) break
    const bound = openMetrics ? openMetricsFloat(bounds[i]!) : floatText(bounds[i]!)
    text += `${head}${bound}"} ${below}${time}${openMetrics ? (exemplars?.[i] ?? '') : ''}\n`
  }
  const last = openMetrics ? (exemplars?.[bounds.length] ?? '') : ''
  text += `${head}+Inf"} ${series.count}${time}${last}\n`
  return text + totals(series, openMetrics, time)
}

function summary(series: Series, openMetrics: boolean, time: string): string {
  const { quantiles, family, labels } = series
  const float = openMetrics ? openMetricsFloat : floatText
  const head = labels === '' ? `${family.name}{quantile="` : `${family.name}{${labels},quantile="`
  let text = ''
  for (let i = 0; i < quantiles.length; i += 2) {
    text += `${head}${float(quantiles[i]!)}"} ${float(quantiles[i + 1]!)}${time}\n`
  }
  return text + totals(series, openMetrics, time)
}

function totals({ family, labels, sum, count }: Series, openMetrics: boolean, time: string): string {
  const part = labels === '' ? '' : `{${labels}}`
  const total = openMetrics ? openMetricsFloat(sum) : floatText(sum)
  return `${family.name}_sum${part} ${total}${time}\n${family.name}_count${part} ${count}${time}\n`
}

/** Floats of OpenMetrics show that they are floats: `1.0`. */
function openMetricsFloat(value: number): string {
  const text = floatText(value)
  return /^-?\d+$/.test(text) ? `${text}.0` : text
}
