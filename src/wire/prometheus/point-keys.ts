import type { PointView, Span } from './point-view.ts'

/** Keys of maps over what points are of: bytes as text, one character each. */

/** Of the resource and scope around a point. */
export const groupKey = ({ bytes, resource, scope }: PointView): string =>
  `${bytesKey(bytes, resource)}\n${bytesKey(bytes, scope)}`

/** Of the metric within its group. */
export const metricKey = ({ bytes, data, monotonic, unit, name }: PointView): string =>
  `${data}${monotonic ? 'm' : ''} ${bytesKey(bytes, unit)} ${bytesKey(bytes, name)}`

/** Of the point within its metric. */
export function pointKey({ bytes, attributes, attributeRun, isRun }: PointView): string {
  if (isRun) return bytesKey(bytes, attributeRun)
  let key = ''
  for (let i = 0; i < attributes.count; i++) {
    key += `${attributes.end(i) - attributes.start(i)} ${slice(bytes, attributes.start(i), attributes.end(i))}`
  }
  return key
}

export const bytesKey = (bytes: Uint8Array, { start, end }: Span): string => slice(bytes, start, end)

const slice = (bytes: Uint8Array, start: number, end: number): string =>
  start === end ? '' : (bytes as Buffer).toString('latin1', start, end)
