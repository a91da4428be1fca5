import { exemplarView, readExemplar } from '../../wire/prometheus/exemplar-view.ts'
import { floatText } from '../../wire/prometheus/float-text.ts'
import { Data, type PointView } from '../../wire/prometheus/point-view.ts'
import type { Series } from './series.ts'

/** Keeps the exemplars of the point at hand as OpenMetrics writes them: one for each bucket, one for a counter. */
export function keepExemplars(series: Series, point: PointView): void {
  for (let i = 0; i < point.exemplars.count; i++) {
    readExemplar(point.bytes, point.exemplars.start(i), point.exemplars.end(i))
    let at = 0
    if (point.data === Data.histogram) while (at < series.bounds.length && exemplarView.value > series.bounds[at]!) at++
    series.exemplars ??= []
    series.exemplars[at] = textOf(exemplarView)
  }
}

/** ` # {trace_id="0af7",span_id="b7ad"} 0.67 1520879607.789` */
function textOf({ value, timeMs, traceId, spanId }: typeof exemplarView): string {
  const labels = [traceId && `trace_id="${traceId}"`, spanId && `span_id="${spanId}"`].filter((text) => text !== '')
  const stamp = timeMs > 0 ? ` ${(timeMs / 1000).toFixed(3)}` : ''
  return ` # {${labels.join(',')}} ${floatText(value)}${stamp}`
}
