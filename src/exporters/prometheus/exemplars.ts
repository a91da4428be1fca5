import { floatText } from '../../wire/prometheus/float-text.ts'
import { Data, type PointView } from '../../wire/prometheus/point-view.ts'
import { Reader, WireType } from '../../wire/protobuf.ts'
import type { Series } from './series.ts'

const reader = new Reader()

/** Keeps the exemplars of the point at hand as OpenMetrics writes them: one for each bucket, one for a counter. */
export function keepExemplars(series: Series, point: PointView): void {
  for (let i = 0; i < point.exemplars.count; i++) {
    const { value, text } = exemplar(point.bytes, point.exemplars.start(i), point.exemplars.end(i))
    let at = 0
    if (point.data === Data.histogram) while (at < series.bounds.length && value > series.bounds[at]!) at++
    series.exemplars ??= []
    series.exemplars[at] = text
  }
}

/** ` # {trace_id="0af7",span_id="b7ad"} 0.67 1520879607.789` */
function exemplar(bytes: Uint8Array, start: number, end: number): { value: number; text: string } {
  let value = 0
  let time = 0
  let trace = ''
  let span = ''
  reader.reset(bytes, start, end)
  while (reader.next()) {
    const { field, wire } = reader
    if (wire === WireType.fixed64) {
      if (field === 3) value = reader.double()
      else {
        reader.fixed64()
        if (field === 2) time = (reader.hi * 2 ** 32 + reader.lo) / 1e9
        else if (field === 6) value = (reader.hi | 0) * 2 ** 32 + reader.lo
      }
    } else if (!reader.skip()) break
    else if (field === 5) trace = hex(bytes, reader.start, reader.stop)
    else if (field === 4) span = hex(bytes, reader.start, reader.stop)
  }
  const labels = [trace && `trace_id="${trace}"`, span && `span_id="${span}"`].filter((text) => text !== '')
  const stamp = time > 0 ? ` ${time.toFixed(3)}` : ''
  return { value, text: ` # {${labels.join(',')}} ${floatText(value)}${stamp}` }
}

/** Ids have 16 and 8 bytes: anything longer would not fit an exemplar. */
const hex = (bytes: Uint8Array, start: number, end: number) =>
  end - start > 16 ? '' : Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('hex')
