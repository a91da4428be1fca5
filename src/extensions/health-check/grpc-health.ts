import { frameMessage } from '../../net/frames.ts'
import { type Handler, serverStream, unary } from '../../net/grpc-types.ts'
import { GrpcCode, GrpcError } from '../../net/status.ts'
import type { Clock } from '../../plugin.ts'
import { Reader } from '../../wire/protobuf.ts'
import type { Checkup } from './details.ts'

/** grpc.health.v1, HealthCheckResponse.ServingStatus. */
const serving = 1
const notServing = 2
const serviceUnknown = 3

/** Between two looks for those who watch. */
const watchMs = 1000

/** The health service of gRPC. A service is a pipeline; without a name it is the whole agent. */
export function healthMethods(checkup: () => Checkup, clock: Clock): Record<string, Handler> {
  const statusOf = (service: string) => {
    const health = checkup().of(service)
    return health && (health.healthy ? serving : notServing)
  }
  return {
    '/grpc.health.v1.Health/Check': unary((message) => {
      const service = serviceOf(message)
      const status = statusOf(service)
      if (status === undefined) throw new GrpcError(GrpcCode.notFound, `there is no pipeline "${service.slice(0, 64)}"`)
      return response(status)
    }),
    '/grpc.health.v1.Health/Watch': serverStream((message, stream) => {
      const service = serviceOf(message)
      let told: number | undefined
      let isOver = false
      stream.onClose(() => {
        isOver = true
      })
      const look = () => {
        if (isOver) return
        const status = statusOf(service) ?? serviceUnknown
        if (status !== told) stream.write(frameMessage(response(status)))
        told = status
        clock.after(watchMs, look)
      }
      look()
    }),
  }
}

/** HealthCheckRequest: `string service = 1`. */
function serviceOf(message: Buffer): string {
  const reader = new Reader(message)
  let service = ''
  while (reader.next()) {
    if (!reader.skip()) break
    if (reader.field === 1 && reader.wire === 2) service = message.toString('utf8', reader.start, reader.stop)
  }
  if (!reader.ok) throw new GrpcError(GrpcCode.invalidArgument, 'the request is no HealthCheckRequest')
  return service
}

/** HealthCheckResponse: `ServingStatus status = 1`. */
const response = (status: number) => Buffer.from([8, status])
