import { Message } from './message.ts'
import { appGuid, apps } from './payload.ts'

export type Signal = 'logs' | 'metrics' | 'traces'

/** An export request without its gRPC prefix, and where the times of its items stand in it (fixed64). */
export interface OtlpRequest {
  readonly body: Buffer
  readonly times: readonly number[]
}

/** Stands where a time goes while the request is put together. */
const mark = Buffer.from('1aa1dd0bfecaad1b', 'hex')

/** `kinds` different requests of `items` items each: about 360 bytes an item with ten attributes; of one in ten `process_type` is `task`. */
export function otlpRequests(signal: Signal, items: number, kinds = 64): OtlpRequest[] {
  return Array.from({ length: kinds }, (_, kind) => {
    const scope = new Message().message(1, new Message().text(1, 'bench'))
    for (let i = 0; i < items; i++) scope.message(2, itemOf[signal](kind * items + i))
    const resource = new Message().message(1, attribute('service.name', 'bench'))
    const body = new Message().message(1, new Message().message(1, resource).message(2, scope)).bytes()
    return { body, times: placesOf(body) }
  })
}

function placesOf(body: Buffer): number[] {
  const places: number[] = []
  for (let at = body.indexOf(mark); at >= 0; at = body.indexOf(mark, at + mark.length)) places.push(at)
  return places
}

const attribute = (key: string, value: string): Message =>
  new Message().text(1, key).message(2, new Message().text(1, value))

function withAttributes(out: Message, field: number, number: number): Message {
  const app = number % apps
  const guid = appGuid(app)
  const attributes = {
    organization_name: `org-${app % 5}`,
    organization_id: '0e1f8a2b',
    space_name: `space-${app % 10}`,
    space_id: '51e2c3d4',
    app_name: `shop-${app}`,
    app_id: guid,
    process_type: number % 10 === 7 ? 'task' : 'web',
    process_instance_id: '9a8b7c6d',
    instance_id: String(number % 4),
    origin: 'rep',
  }
  for (const [key, value] of Object.entries(attributes)) out.message(field, attribute(key, value))
  return out
}

const itemOf: Record<Signal, (number: number) => Message> = {
  logs(number) {
    const text = `GET /api/v2/orders/${number} 200 14ms user=4711 `.padEnd(62, 'x')
    const out = new Message().raw(1, 1, mark).varint(2, 9).text(3, 'INFO').message(5, new Message().text(1, text))
    return withAttributes(out, 6, number)
  },
  metrics(number) {
    const point = new Message().raw(2, 1, fixed64(1_793_000_000)).raw(3, 1, mark).raw(6, 1, fixed64(number))
    const sum = new Message()
      .message(1, withAttributes(point, 7, number))
      .varint(2, 2)
      .varint(3, 1)
    return new Message()
      .text(1, `http_requests_total_${number % 100}`)
      .text(3, '1')
      .message(7, sum)
  },
  traces(number) {
    const id = fixed64(Math.imul(number + 1, 2654435761) >>> 0)
    const out = new Message().raw(1, 2, Buffer.from([16]), id, fixed64(number)).raw(2, 2, Buffer.from([8]), id)
    return withAttributes(out.text(5, 'GET /api/v2/orders').varint(6, 2).raw(7, 1, mark).raw(8, 1, mark), 9, number)
  },
}

function fixed64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}
