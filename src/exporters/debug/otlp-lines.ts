import { safeText } from '../../printing/safe-text.ts'
import type { Batch } from '../../telemetry/batch.ts'
import type { Signal } from '../otlp-signals.ts'
import { briefLines, summaryLine } from './otlp-brief.ts'
import { detailLines } from './otlp-detail.ts'
import { treeOf } from './otlp-tree.ts'

/** A batch as the Collector prints it: a summary, then its records, `most` of them. */
export function otlpLines(batch: Batch, verbosity: 'basic' | 'normal' | 'detailed', most: number): string[] {
  const signal = batch.format as Signal
  const lines = [summaryLine(signal, treeOf(batch), batch.count)]
  if (verbosity === 'basic') return lines
  const tree = treeOf(batch.slice(0, most))
  if (verbosity === 'normal') lines.push(...briefLines(signal, tree))
  if (verbosity === 'detailed') lines.push(...detailLines(signal, tree))
  return lines.map(safeText)
}
