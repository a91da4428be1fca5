import type { MetricChange, MetricSite } from '../telemetry/metric-site.ts'
import type { Compiler } from './compiler.ts'
import type { Edit, Editor } from './editor.ts'
import type { Parameter } from './expression.ts'
import { aggregated, keeping, renaming } from './metrics/aggregate.ts'
import { copyMetric, gaugeToSum, sumToGauge } from './metrics/convert-kinds.ts'
import { distributions, explicitHistogram } from './metrics/explicit-histogram.ts'
import { type ExtractOptions, extractCount, extractSum, summaryValue } from './metrics/extract-metrics.ts'
import { extractPercentile } from './metrics/extract-percentile.ts'
import { mergeBuckets } from './metrics/merge-buckets.ts'
import { aggregations } from './metrics/merge-numbers.ts'
import { Temporality } from './metrics/metric-body.ts'
import { scaled } from './metrics/scale-metric.ts'
import { summaryQuantiles } from './metrics/summary-quantiles.ts'
import { describe, type Ottl, StatementError } from './ottl-value.ts'
import type { Node } from './tree.ts'

const temporality: Parameter = { name: 'aggregation_temporality', takes: 'text' }
const monotonic: Parameter = { name: 'is_monotonic', takes: 'value' }
const suffix: Parameter = { name: 'suffix', takes: 'text', optional: true }
const text = (name: string): Parameter => ({ name, takes: 'value', optional: true })

/** Editors of metrics as a whole (Collector: processor/transformprocessor, metrics only functions). */
export const metricEditors: Readonly<Record<string, Editor>> = {
  convert_sum_to_gauge: {
    summary: 'makes a sum a gauge, with its points; other metrics stay',
    parameters: [],
    rewrites: true,
    make: (compiler) => changing(compiler, () => sumToGauge),
  },
  convert_gauge_to_sum: {
    summary: 'makes a gauge a sum, "cumulative" or "delta", monotonic or not; other metrics stay',
    parameters: [temporality, monotonic],
    rewrites: true,
    make(compiler, [aggregation, isMonotonic]) {
      const change = gaugeToSum(temporalityIn(compiler, aggregation!), flagIn(compiler, isMonotonic!))
      return changing(compiler, () => change)
    },
  },
  extract_count_metric: {
    summary: 'adds a sum of the counts of a histogram, exponential histogram or summary, called `<name>_count`, unit 1',
    parameters: [monotonic, suffix],
    rewrites: true,
    make(compiler, [isMonotonic, end]) {
      const change = extractCount(optionsIn(compiler, isMonotonic!, end, '_count'))
      return changing(compiler, () => change)
    },
  },
  extract_sum_metric: {
    summary: 'adds a sum of the sums of such a metric, called `<name>_sum`; points without a sum are left out',
    parameters: [monotonic, suffix],
    rewrites: true,
    make(compiler, [isMonotonic, end]) {
      const change = extractSum(optionsIn(compiler, isMonotonic!, end, '_sum'))
      return changing(compiler, () => change)
    },
  },
  convert_summary_count_val_to_sum: {
    summary: 'adds a sum of the counts of a summary, called `<name>_count`; other metrics stay without',
    parameters: [temporality, monotonic, suffix],
    rewrites: true,
    make: (compiler, args) => ofSummary(compiler, 'count', args),
  },
  convert_summary_sum_val_to_sum: {
    summary: 'adds a sum of the sums of a summary, called `<name>_sum`; other metrics stay without',
    parameters: [temporality, monotonic, suffix],
    rewrites: true,
    make: (compiler, args) => ofSummary(compiler, 'sum', args),
  },
  convert_summary_quantile_val_to_gauge: {
    summary:
      'adds a gauge with a point for each quantile of a summary, called `<name>.quantiles`, the quantile being the attribute `quantile`; other metrics stay without',
    parameters: [{ name: 'attribute_key', takes: 'text', optional: true }, suffix],
    rewrites: true,
    make(compiler, [key, end]) {
      const change = summaryQuantiles(key ? compiler.text(key) : 'quantile', end ? compiler.text(end) : '.quantiles')
      return changing(compiler, () => change)
    },
  },
  extract_percentile_metric: {
    summary:
      'adds a gauge of a percentile (such as 95 or 99.9) of a histogram or exponential histogram, called `<name>_p95`, estimated within its bucket; other metrics stay without',
    parameters: [{ name: 'percentile', takes: 'value' }, suffix],
    rewrites: true,
    make(compiler, [percentile, end]) {
      const value = numberIn(compiler, percentile!)
      if (!(value > 0 && value < 100)) throw compiler.error(percentile!.at, 'expected a number between 0 and 100')
      const change = extractPercentile(value, end && compiler.text(end))
      return changing(compiler, () => change)
    },
  },
  merge_histogram_buckets: {
    summary: 'takes a bound out of a histogram: what was counted below it counts below the next; other metrics stay',
    parameters: [{ name: 'bound', takes: 'value' }],
    rewrites: true,
    make(compiler, [bound]) {
      const change = mergeBuckets(numberIn(compiler, bound!))
      return changing(compiler, () => change)
    },
  },
  copy_metric: {
    summary: 'adds a copy of the metric, with another name, description or unit if they are given',
    parameters: [text('name'), text('desc'), text('unit')],
    rewrites: true,
    make(compiler, nodes) {
      const [name, description, unit] = nodes.map((node) => node && compiler.expression(node))
      return changing(compiler, (site) =>
        copyMetric({
          name: name && textIn('copy_metric', name.get(site)),
          description: description && textIn('copy_metric', description.get(site)),
          unit: unit && textIn('copy_metric', unit.get(site)),
        }),
      )
    },
  },
  scale_metric: {
    summary:
      'multiplies the values of a metric by a number, and sets its unit if one is given; no exponential histograms',
    parameters: [{ name: 'factor', takes: 'value' }, text('unit')],
    rewrites: true,
    make(compiler, [factor, unit]) {
      const by = numberIn(compiler, factor!)
      const other = unit && compiler.expression(unit)
      return changing(compiler, (site) => scaled(by, other && textIn('scale_metric', other.get(site))))
    },
  },
  aggregate_on_attributes: {
    summary:
      'makes points with the same attributes one, by "sum", "max", "min", "mean", "median" or "count"; with a list only these attributes are kept, of histograms only sums are made',
    parameters: [
      { name: 'function', takes: 'text' },
      { name: 'attributes', takes: 'list', optional: true },
    ],
    rewrites: true,
    make(compiler, [how, keys]) {
      const prepare = keys ? keeping(compiler.texts(keys)) : () => undefined
      const change = aggregated('aggregate_on_attributes', oneOf(compiler, how!, aggregations), prepare)
      return changing(compiler, () => change)
    },
  },
  aggregate_on_attribute_value: {
    summary:
      'gives an attribute that has one of the values another value, and makes points with the same attributes one',
    parameters: [
      { name: 'function', takes: 'text' },
      { name: 'attribute', takes: 'text' },
      { name: 'values', takes: 'list' },
      { name: 'new_value', takes: 'text' },
    ],
    rewrites: true,
    make(compiler, [how, key, values, value]) {
      const prepare = renaming(compiler.text(key!), compiler.texts(values!), compiler.text(value!))
      const change = aggregated('aggregate_on_attribute_value', oneOf(compiler, how!, aggregations), prepare)
      return changing(compiler, () => change)
    },
  },
  convert_exponential_histogram_to_histogram: {
    summary:
      'makes an exponential histogram one with these bounds; the count of a bucket goes to where its "upper" end or "midpoint" is, or "uniform" to all it touches',
    parameters: [
      { name: 'distribution', takes: 'text' },
      { name: 'explicit_bounds', takes: 'list' },
    ],
    rewrites: true,
    make(compiler, [how, bounds]) {
      const change = explicitHistogram(oneOf(compiler, how!, distributions), boundsIn(compiler, bounds!))
      return changing(compiler, () => change)
    },
  },
}

/** One of some names, written as text. */
function oneOf<T extends string>(compiler: Compiler, node: Node, names: readonly T[]): T {
  const name = compiler.text(node)
  const found = names.find((each) => each === name)
  if (found !== undefined) return found
  throw compiler.error(node.at, `expected one of ${names.map((each) => `"${each}"`).join(', ')}`)
}

function boundsIn(compiler: Compiler, node: Node): number[] {
  const items = node.kind === 'list' ? node.items : []
  const bounds = items.map((item) => numberIn(compiler, item))
  if (bounds.length > 0 && bounds.every((bound, i) => i === 0 || bound > bounds[i - 1]!)) return bounds
  throw compiler.error(node.at, 'expected bounds that rise, such as [1.0, 10.0, 100.0]')
}

function changing(compiler: Compiler, changeOn: (site: MetricSite) => MetricChange): Edit {
  // What it writes is the metric, wherever the statement stands.
  const writes = compiler.pathOf({ kind: 'path', at: 0, name: 'metric.name', keys: [] })
  // A program runs steps with such statements on a MetricSite.
  return { writes, run: (site) => (site as MetricSite).change(changeOn(site as MetricSite)) }
}

function ofSummary(compiler: Compiler, value: 'count' | 'sum', args: readonly (Node | undefined)[]): Edit {
  const [aggregation, isMonotonic, end] = args
  const options = optionsIn(compiler, isMonotonic!, end, `_${value}`)
  const change = summaryValue(value, { ...options, temporality: temporalityIn(compiler, aggregation!) })
  return changing(compiler, () => change)
}

function optionsIn(compiler: Compiler, isMonotonic: Node, end: Node | undefined, usual: string): ExtractOptions {
  return { isMonotonic: flagIn(compiler, isMonotonic), suffix: end ? compiler.text(end) : usual }
}

const temporalityIn = (compiler: Compiler, node: Node): number =>
  Temporality[oneOf(compiler, node, ['cumulative', 'delta'] as const)]

function flagIn(compiler: Compiler, node: Node): boolean {
  if (node.kind === 'bool') return node.value
  throw compiler.error(node.at, 'expected true or false')
}

function numberIn(compiler: Compiler, node: Node): number {
  if (node.kind === 'double' || node.kind === 'integer') return Number(node.value)
  throw compiler.error(node.at, 'expected a number')
}

/** Nil is as if nothing was given. */
function textIn(name: string, given: Ottl): string | undefined {
  if (given === undefined || typeof given === 'string') return given
  throw new StatementError(`${name} takes text, got ${describe(given)}`)
}
