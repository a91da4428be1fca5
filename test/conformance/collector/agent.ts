import { newGrpcClient } from '../../../src/net/grpc-client.ts'
import type { GrpcError } from '../../../src/net/status.ts'
import { silentLog } from '../../../src/runtime/log.ts'
import { encodeOtlpLogs } from '../../support/decode.ts'
import { newFolder } from '../../support/folder.ts'
import { freePort } from '../../support/free-port.ts'
import { type Role, startProcess } from '../../support/role.ts'
import { otlpPaths } from '../../support/sinks.ts'

/** A running tailrace with a receiver `otlp` on both protocols. */
export interface Agent {
  role: Role
  /** The YAML it was started with. */
  file: string
  http: string
  /** Posts so many log records; status, Retry-After and body of the answer. */
  post(records?: number): Promise<{ status: number; retryAfter: string | null; text: string }>
  /** The same over gRPC; undefined when they were taken. */
  call(records?: number): Promise<GrpcError | undefined>
  /** The page of its own metrics. */
  page(): Promise<string>
}

export const noting = new URL('../../support/noting-plugin.ts', import.meta.url).pathname

const logs = (records: number) =>
  encodeOtlpLogs({
    resourceLogs: [
      {
        scopeLogs: [
          { logRecords: Array.from({ length: records }, (_, i) => ({ body: { stringValue: `record ${i}` } })) },
        ],
      },
    ],
  })

/** Starts it with this YAML, in which `receivers` lacks nothing and `service` stands last. */
export async function startAgent(yaml: string, set: Record<string, string> = {}): Promise<Agent> {
  const [http, grpc, metrics] = [await freePort(), await freePort(), await freePort()]
  const all = {
    'receivers.otlp.protocols.http.endpoint': `127.0.0.1:${http}`,
    'receivers.otlp.protocols.grpc.endpoint': `127.0.0.1:${grpc}`,
    'service.telemetry.metrics.readers': `[{pull: {exporter: {prometheus: {host: 127.0.0.1, port: ${metrics}}}}}]`,
    'service.plugins': `["${noting}"]`,
    ...set,
  }
  const settings = Object.entries(all).flatMap(([key, value]) => ['--set', `${key}=${value}`])
  const file = `${newFolder({ 'otel.yaml': yaml })}/otel.yaml`
  const role = startProcess(['--config', file, ...settings])
  await role.line(/^ready: everything is running/)
  return {
    role,
    file,
    http: `127.0.0.1:${http}`,
    async post(records = 1) {
      const headers = { 'content-type': 'application/x-protobuf' }
      const options = { method: 'POST', headers, body: new Uint8Array(logs(records)) }
      const answer = await fetch(`http://127.0.0.1:${http}/v1/logs`, options)
      return { status: answer.status, retryAfter: answer.headers.get('retry-after'), text: await answer.text() }
    },
    async call(records = 1) {
      const client = newGrpcClient({ address: `127.0.0.1:${grpc}`, log: silentLog })
      try {
        await client.unary(otlpPaths.logs, logs(records), { timeoutMs: 60_000, waitForReady: true })
        return undefined
      } catch (error) {
        return error as GrpcError
      } finally {
        client.close()
      }
    },
    page: async () => (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text(),
  }
}
