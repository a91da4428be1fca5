import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { certificate, clientTlsOf, pemOf } from '../../../test/support/certificates.ts'
import { Refused } from '../../delivery/admission.ts'
import basicauth from '../../extensions/basicauth/index.ts'
import bearertokenauth from '../../extensions/bearertokenauth/index.ts'
import { connectionBytes } from '../../net/memory.ts'
import { GrpcCode, type GrpcError } from '../../net/status.ts'
import { newVault, until } from '../../net/test-kit.ts'
import { otlpConfig } from './config.ts'
import { type OtlpRun, type SendOptions, startOtlp } from './otlp-run.fixture.ts'

const l1 = Buffer.from(
  '0a6d0a150a130a0c736572766963652e6e616d6512030a016112540a060a0173120131124a09010000000000000010091a04494e464f2a040a02686932070a016b1202182a45010000004a100102030405060708090a0b0c0d0e0f1052080102030405060708590200000000000000',
  'hex',
)
const l1Json = {
  resourceLogs: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'a' } }] },
      scopeLogs: [
        {
          scope: { name: 's', version: '1' },
          logRecords: [
            {
              timeUnixNano: '1',
              severityNumber: 9,
              severityText: 'INFO',
              body: { stringValue: 'hi' },
              attributes: [{ key: 'k', value: { intValue: 42 } }],
              flags: 1,
              traceId: '0102030405060708090a0b0c0d0e0f10',
              spanId: '0102030405060708',
              observedTimeUnixNano: '2',
            },
          ],
        },
      ],
    },
  ],
}
const gauge = Buffer.from(
  '0a2c122a12280a036370751a01312a1e0a1c19010000000000000021000000000000f83f3a080a016b12030a0161',
  'hex',
)
const span = Buffer.from(
  '0a3f123d123b0a100102030405060708090a0b0c0d0e0f10120801020304050607082a05474554202f30023901000000000000004102000000000000007a021802',
  'hex',
)
const service = (signal: string, name: string) => `/opentelemetry.proto.collector.${signal}.v1.${name}Service/Export`
const exportLogs = service('logs', 'Logs')
const protobuf = { 'content-type': 'application/x-protobuf' }
const json = { 'content-type': 'application/json' }
const bytesOf = (run: OtlpRun) => run.batches.map((batch) => batch.bytes().toString('hex'))
const failure = (call: Promise<unknown>): Promise<GrpcError> =>
  call.then(
    () => expect.fail('it was taken'),
    (error) => error as GrpcError,
  )

describe('gRPC', () => {
  test.each([
    ['logs', exportLogs, l1],
    ['metrics', service('metrics', 'Metrics'), gauge],
    ['traces', service('trace', 'Trace'), span],
  ])('takes %s, which leave as they came', async (format, path, message) => {
    const run = await startOtlp({ grpc: {} })
    expect(await run.client().unary(path, message)).toHaveLength(0)
    expect(bytesOf(run)).toEqual([message.toString('hex')])
    expect(run.batches[0]!.format).toBe(format)
    expect(run.counter('accepted_records', { transport: 'grpc', signal: format })).toBe(1)
    expect(run.counter('requests', { transport: 'grpc', outcome: 'success' })).toBe(1)
  })

  test.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
    ['deflate', deflateSync],
  ] as const)('takes messages compressed with %s', async (encoding, compress) => {
    const run = await startOtlp({ grpc: {} })
    await run.client().unary(exportLogs, compress(l1), { encoding })
    expect(bytesOf(run)).toEqual([l1.toString('hex')])
  })

  test('an empty request succeeds and touches nothing', async () => {
    const run = await startOtlp({ grpc: {} })
    run.verdict = new Refused('no')
    expect(await run.client().unary(exportLogs, Buffer.alloc(0))).toHaveLength(0)
    expect(await run.client().unary(exportLogs, Buffer.from('0a021200', 'hex'))).toHaveLength(0)
    expect(run.asked).toBe(0)
    expect(run.batches).toEqual([])
  })

  test('a signal that no pipeline wants has no service', async () => {
    const run = await startOtlp({ grpc: {} }, { formats: ['metrics'] })
    expect(await failure(run.client().unary(exportLogs, l1))).toMatchObject({ code: GrpcCode.unimplemented })
  })

  test('a request that does not parse is refused as a whole', async () => {
    const run = await startOtlp({ grpc: {} })
    const error = await failure(run.client().unary(exportLogs, Buffer.from('0a06120412020801', 'hex')))
    expect(error).toMatchObject({
      code: GrpcCode.invalidArgument,
      message: 'proto: LogRecord: wrong wireType = 0 for field TimeUnixNano (byte 6)',
    })
    expect(run.counter('malformed_requests', { transport: 'grpc', signal: 'logs' })).toBe(1)
    expect(run.lines.join('')).toContain('a request with logs from 127.0.0.1 does not parse: proto: LogRecord')
  })

  test('a refusal is UNAVAILABLE, with RetryInfo where there is a delay', async () => {
    const run = await startOtlp({ grpc: {} })
    run.verdict = new Refused('busy', 5000)
    const error = await failure(run.client().unary(exportLogs, l1))
    expect(error).toMatchObject({ code: GrpcCode.unavailable, message: 'busy', retryDelayMs: 5000 })
    expect(error.details?.toString('hex')).toBe(
      '080e1204627573791a300a28747970652e676f6f676c65617069732e636f6d2f676f6f676c652e7270632e5265747279496e666f12040a020805',
    )
    run.verdict = new Refused('sending queue is full')
    const plain = await failure(run.client().unary(exportLogs, l1))
    expect(plain).toMatchObject({ code: GrpcCode.unavailable, message: 'sending queue is full' })
    expect(plain.details).toBeUndefined()
    expect(run.counter('refused_records', { transport: 'grpc', signal: 'logs' })).toBe(2)
    expect(run.counter('requests', { transport: 'grpc', outcome: 'refused' })).toBe(2)
    expect(run.batches).toEqual([])
  })

  test('waits for room, and gives up when the caller does', async () => {
    const run = await startOtlp({ grpc: {} })
    run.verdict = 'wait'
    const client = run.client()
    const first = client.unary(exportLogs, l1)
    await until(() => run.asked > 0)
    run.verdict = undefined
    run.room()
    await first
    expect(run.batches).toHaveLength(1)
    run.verdict = 'wait'
    const late = await failure(client.unary(exportLogs, l1, { timeoutMs: 50 }))
    expect(late.code).toBe(GrpcCode.deadlineExceeded)
    await until(() => run.counter('refused_records', { transport: 'grpc', signal: 'logs' }) === 1)
    run.verdict = undefined
    run.room()
    expect(run.batches).toHaveLength(1)
    // Connections stay open.
    expect(run.budget.used % connectionBytes.plain).toBe(0)
  })

  test('a message that memory has no room for is refused before it is read, with the time to come again', async () => {
    const run = await startOtlp({ grpc: {} }, { memory: 1 << 20 })
    const client = run.client()
    await client.unary(exportLogs, l1)
    const taken = run.budget.used
    run.budget.take((1 << 20) - taken - 4000)
    const error = await failure(client.unary(exportLogs, l1))
    expect(error).toMatchObject({ code: GrpcCode.unavailable, retryDelayMs: 1000 })
    expect(run.counter('refused_requests', { transport: 'grpc' })).toBe(1)
    run.budget.give((1 << 20) - taken - 4000)
    await client.unary(exportLogs, l1)
    expect(run.batches).toHaveLength(2)
  })

  test('what a few compressed bytes expand to is bounded by the room in memory', async () => {
    const run = await startOtlp({ grpc: {}, http: {} }, { memory: 1 << 20 })
    const bomb = Buffer.alloc(3 << 20)
    const error = await failure(run.client().unary(exportLogs, bomb, { gzip: true }))
    expect(error).toMatchObject({ code: GrpcCode.unavailable, retryDelayMs: 1000 })
    const headers = { ...protobuf, 'content-encoding': 'gzip' }
    expect(await run.send({ headers, body: gzipSync(bomb) })).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
    })
    expect(run.counter('refused_requests', { transport: 'http' })).toBe(1)
    await until(() => run.budget.used % connectionBytes.plain === 0)
    await run.client().unary(exportLogs, l1, { gzip: true })
    expect(run.batches).toHaveLength(1)
  })

  test('a message above the limit is RESOURCE_EXHAUSTED, before and after decompression', async () => {
    const run = await startOtlp({ grpc: { max_recv_msg_size_mib: 1 } })
    const large = Buffer.alloc((1 << 20) + 1)
    expect(await failure(run.client().unary(exportLogs, large))).toMatchObject({ code: GrpcCode.resourceExhausted })
    const compressed = run.client().unary(exportLogs, large, { gzip: true })
    expect(await failure(compressed)).toMatchObject({ code: GrpcCode.resourceExhausted })
  })

  test('metadata stays with the records where it is wanted', async () => {
    const run = await startOtlp({ grpc: { include_metadata: true } })
    await run.client().unary(exportLogs, l1, { metadata: { 'x-tenant': 'a' } })
    expect(run.batches[0]!.origin).toMatchObject({ address: '127.0.0.1', metadata: { 'x-tenant': 'a' } })
  })

  test('invalid UTF-8 is mended and counted', async () => {
    const run = await startOtlp({ grpc: {} })
    await run.client().unary(exportLogs, Buffer.from('0a07120512031a01ff', 'hex'))
    expect(bytesOf(run)).toEqual(['0a09120712051a03efbfbd'])
    expect(run.counter('repaired_strings', { transport: 'grpc', signal: 'logs' })).toBe(1)
  })

  test('mTLS: who has a certificate may come, and its name stays with the records', async () => {
    const { ca, cert, key } = certificate('otel-collector')
    const tls = { client_ca_file: ca, cert_file: cert, key_file: key, min_version: '1.3' }
    const run = await startOtlp({ grpc: { tls } })
    await run
      .client({ tls: clientTlsOf(certificate('client')), serverName: 'otel-collector' })
      .unary(exportLogs, l1, { waitForReady: true })
    expect(run.batches[0]!.origin?.subject).toBe('client')
  })
})

describe('HTTP', () => {
  const plainText = 'text/plain'
  const cases: [string, SendOptions, number, string, string][] = [
    ['protobuf', { headers: protobuf, body: l1 }, 200, 'application/x-protobuf', '0a00'],
    ['an empty body', { headers: protobuf }, 200, 'application/x-protobuf', '0a00'],
    ['JSON', { headers: json, body: JSON.stringify(l1Json) }, 200, 'application/json', '{"partialSuccess":{}}'],
    [
      'JSON with a charset',
      { headers: { 'content-type': 'Application/JSON; charset=utf-8' }, body: '{}' },
      200,
      'application/json',
      '{"partialSuccess":{}}',
    ],
    ['GET', { method: 'GET' }, 405, plainText, '405 method not allowed, supported: [POST]'],
    [
      'text',
      { headers: { 'content-type': 'text/plain' }, body: 'x' },
      415,
      plainText,
      '415 unsupported media type, supported: [application/json, application/x-protobuf]',
    ],
    [
      'no content type',
      { body: 'x' },
      415,
      plainText,
      '415 unsupported media type, supported: [application/json, application/x-protobuf]',
    ],
    [
      'broken JSON',
      { headers: json, body: '{' },
      400,
      'application/json',
      '{"code":3,"message":"expected a string at byte 1"}',
    ],
    [
      'a trace id of 30 digits',
      {
        path: '/v1/traces',
        headers: json,
        body: `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"${'0'.repeat(30)}"}]}]}]}`,
      },
      400,
      'application/json',
      '{"code":3,"message":"resourceSpans[0].scopeSpans[0].spans[0].traceId: expected 32 hexadecimal digits, got 30 at byte 55"}',
    ],
    [
      'gzip that is none',
      { headers: { ...json, 'content-encoding': 'gzip' }, body: 'plain text' },
      400,
      'application/json',
      '{"code":3,"message":"gzip: invalid header"}',
    ],
    [
      'gzip that is cut off',
      { headers: { ...json, 'content-encoding': 'gzip' }, body: gzipSync(l1).subarray(0, 30) },
      400,
      'application/json',
      '{"code":3,"message":"unexpected EOF"}',
    ],
    [
      'zstd that is none',
      { headers: { ...json, 'content-encoding': 'zstd' }, body: 'plain text' },
      400,
      'application/json',
      '{"code":3,"message":"invalid input: magic number mismatch"}',
    ],
    [
      'snappy that is none',
      { headers: { ...json, 'content-encoding': 'snappy' }, body: 'plain text' },
      400,
      'application/json',
      '{"code":3,"message":"snappy: corrupt input"}',
    ],
    [
      'an unknown encoding',
      { headers: { ...json, 'content-encoding': 'nosuch' }, body: '{}' },
      400,
      'application/json',
      '{"code":3,"message":"unsupported Content-Encoding: nosuch"}',
    ],
    ['another path', { path: '/v1/other', headers: json }, 404, 'text/plain; charset=utf-8', '404 page not found\n'],
  ]
  test.each(cases)('%s', async (_, options, status, type, body) => {
    const run = await startOtlp({ http: {} })
    const answer = await run.send(options)
    const text = type.includes('protobuf') ? answer.body.toString('hex') : answer.body.toString()
    expect([answer.status, answer.headers['content-type'], text]).toEqual([status, type, body])
  })

  test('protobuf that does not parse is answered with a Status in protobuf', async () => {
    const run = await startOtlp({ http: {} })
    const answer = await run.send({ headers: protobuf, body: Buffer.from('ff', 'hex') })
    expect(answer).toMatchObject({ status: 400, headers: { 'content-type': 'application/x-protobuf' } })
    expect(answer.body.toString('hex')).toMatch(/^0803/)
    expect(answer.body.toString()).toContain('the tag of a field does not parse')
  })

  test.each([
    ['logs', '/v1/logs', l1],
    ['metrics', '/v1/metrics', gauge],
    ['traces', '/v1/traces', span],
  ])('%s leave as they came', async (format, path, body) => {
    const run = await startOtlp({ http: {} })
    await run.send({ path, headers: protobuf, body })
    expect(bytesOf(run)).toEqual([body.toString('hex')])
    expect(run.counter('accepted_records', { transport: 'http', signal: format })).toBe(1)
  })

  test('JSON becomes the bytes that protobuf would have been', async () => {
    const run = await startOtlp({ http: {} })
    await run.send({ headers: json, body: JSON.stringify(l1Json) })
    expect(bytesOf(run)).toEqual([l1.toString('hex')])
  })

  test.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
    ['deflate', deflateSync],
    ['zlib', deflateSync],
    ['identity', (bytes: Buffer) => bytes],
    ['snappy', (bytes: Buffer) => Buffer.concat([Buffer.from([bytes.length, 60 << 2, bytes.length - 1]), bytes])],
  ])('takes bodies compressed with %s', async (encoding, compress) => {
    const run = await startOtlp({ http: {} })
    const body = Buffer.from(compress(l1))
    expect(await run.send({ headers: { ...protobuf, 'content-encoding': encoding }, body })).toMatchObject({
      status: 200,
    })
    expect(bytesOf(run)).toEqual([l1.toString('hex')])
    // Connections stay open.
    expect(run.budget.used % connectionBytes.plain).toBe(0)
  })

  test('large compressed bodies are undone elsewhere and taken too', async () => {
    const run = await startOtlp({ http: {} })
    const noise = Array.from({ length: 40_000 }, (_, i) => Math.sin(i).toString(36)).join(' ')
    const text = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: noise } }] }] }] })
    const body = gzipSync(text)
    expect(body.length).toBeGreaterThan(256 << 10)
    expect(await run.send({ headers: { ...json, 'content-encoding': 'gzip' }, body })).toMatchObject({ status: 200 })
    expect(run.batches[0]!.count).toBe(1)
  })

  test.each<[string, (body: Buffer) => SendOptions]>([
    ['plain', (body) => ({ headers: protobuf, body })],
    ['plain, in chunks', (body) => ({ headers: { ...protobuf, 'transfer-encoding': 'chunked' }, body })],
    ['gzip', (body) => ({ headers: { ...protobuf, 'content-encoding': 'gzip' }, body: gzipSync(body) })],
    ['zstd', (body) => ({ headers: { ...protobuf, 'content-encoding': 'zstd' }, body: zstdCompressSync(body) })],
  ])('a body of the limit is taken, one byte more is not: %s', async (_, options) => {
    const run = await startOtlp({ http: { max_request_body_size: 1000 } })
    // An unknown field of the right size around nothing.
    const body = Buffer.concat([Buffer.from('9a06e307', 'hex'), Buffer.alloc(995)])
    expect(await run.send(options(Buffer.concat([body, Buffer.alloc(1)]).subarray(0, 999)))).toMatchObject({
      status: 200,
    })
    const over = await run.send(options(Buffer.alloc(1001)))
    expect(over.status).toBe(400)
    expect(over.body.toString()).toContain('http: request body too large')
    // Connections stay open.
    expect(run.budget.used % connectionBytes.plain).toBe(0)
  })

  test('a refusal is 503, with Retry-After where there is a delay', async () => {
    const run = await startOtlp({ http: {} })
    run.verdict = new Refused('busy', 4200)
    const asJson = await run.send({ headers: json, body: JSON.stringify(l1Json) })
    expect(asJson).toMatchObject({ status: 503, headers: { 'retry-after': '5', 'content-type': 'application/json' } })
    expect(JSON.parse(asJson.body.toString())).toEqual({ code: 14, message: 'busy' })
    run.verdict = new Refused('busy', 5000)
    const asBytes = await run.send({ headers: protobuf, body: l1 })
    expect(asBytes.headers['retry-after']).toBe('5')
    expect(asBytes.body.toString('hex')).toBe(
      '080e1204627573791a300a28747970652e676f6f676c65617069732e636f6d2f676f6f676c652e7270632e5265747279496e666f12040a020805',
    )
    run.verdict = new Refused('busy')
    const plain = await run.send({ headers: protobuf, body: l1 })
    expect(plain.headers['retry-after']).toBeUndefined()
    expect(plain.body.toString('hex')).toBe('080e120462757379')
  })

  test('waits for room; a client that leaves is forgotten', async () => {
    const run = await startOtlp({ http: {} })
    run.verdict = 'wait'
    const first = run.send({ headers: protobuf, body: l1 })
    await until(() => run.asked > 0)
    run.verdict = undefined
    run.room()
    expect(await first).toMatchObject({ status: 200 })
    run.verdict = 'wait'
    const leave = new AbortController()
    const left = run.send({ headers: protobuf, body: l1, signal: leave.signal }).catch(() => 'left')
    await until(() => run.asked > 2)
    leave.abort()
    expect(await left).toBe('left')
    await until(() => run.counter('refused_records', { transport: 'http', signal: 'logs' }) === 1)
    expect(run.batches).toHaveLength(1)
    await until(() => run.budget.used === 0)
  })

  test('whoever waits is sent away when the agent stops', async () => {
    const run = await startOtlp({ http: {} })
    run.verdict = 'wait'
    const waiting = run.send({ headers: protobuf, body: l1 })
    await until(() => run.asked > 0)
    await run.stop()
    expect(await waiting).toMatchObject({ status: 503 })
    // Connections stay open.
    expect(run.budget.used % connectionBytes.plain).toBe(0)
  })

  test('a client that leaves in the middle of its body costs nothing', async () => {
    const run = await startOtlp({ http: {} })
    const socket = connect(run.http, '127.0.0.1')
    socket.write(
      'POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"a":',
    )
    await until(() => run.budget.used > 0)
    socket.destroy()
    await until(() => run.budget.used === 0)
  })

  test('a body that comes too slowly ends its connection', async () => {
    const run = await startOtlp({ http: { read_timeout: '100ms' } })
    const socket = connect(run.http, '127.0.0.1')
    socket.resume()
    socket.write('POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{')
    await once(socket, 'close')
    await until(() => run.budget.used === 0)
  })

  test('without memory it says so, and when to come back', async () => {
    const run = await startOtlp({ http: {} }, { memory: connectionBytes.plain + 100 })
    const answer = await run.send({ headers: json, body: JSON.stringify(l1Json) })
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
    expect(answer.body.toString()).toContain('data refused due to high memory usage')
    await until(() => run.budget.used % connectionBytes.plain === 0)
  })

  test('a signal that no pipeline wants is not there', async () => {
    const run = await startOtlp({ http: {} }, { formats: ['logs'] })
    expect(await run.send({ path: '/v1/traces', headers: protobuf, body: span })).toMatchObject({ status: 404 })
  })

  test('other paths, and headers for every answer', async () => {
    const run = await startOtlp({ http: { logs_url_path: 'in/logs', response_headers: { 'x-by': 'tailrace' } } })
    const answer = await run.send({ path: '/in/logs?x=1', headers: protobuf, body: l1 })
    expect(answer).toMatchObject({ status: 200, headers: { 'x-by': 'tailrace' } })
    expect(await run.send({ headers: protobuf, body: l1 })).toMatchObject({ status: 404 })
  })

  test('connections are kept for more requests, unless that is off', async () => {
    const kept = await startOtlp({ http: {} })
    expect((await kept.send({ headers: protobuf, body: l1 })).headers.connection).not.toBe('keep-alive')
    const request = httpRequest({
      port: kept.http,
      host: '127.0.0.1',
      method: 'POST',
      path: '/v1/logs',
      headers: protobuf,
    })
    request.end(l1)
    const [response] = await once(request, 'response')
    expect(response.headers.connection).toBe('keep-alive')
    response.resume()
  })

  test('TLS, and metadata of the peer', async () => {
    const { cert, key, ca } = certificate('otel-collector')
    const run = await startOtlp({
      http: { tls: { cert_file: cert, key_file: key, client_ca_file: ca }, include_metadata: true },
    })
    const { ca: authority, ...own } = pemOf(certificate('client'))
    const answer = await run.send({
      headers: { ...protobuf, 'x-tenant': 'a' },
      body: l1,
      tls: { ca: authority, ...own, servername: 'otel-collector' } as never,
    })
    expect(answer.status).toBe(200)
    expect(run.batches[0]!.origin).toMatchObject({ subject: 'client', metadata: { 'x-tenant': 'a' } })
    await expect(run.send({ headers: protobuf, body: l1, tls: { ca: authority } })).rejects.toThrow()
  })

  describe('CORS', () => {
    const cors = { allowed_origins: ['https://*.example.com'], allowed_headers: ['X-Tenant'], max_age: 600 }
    const preflight = (origin: string, headers: string, method = 'POST'): SendOptions => ({
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': method,
        'access-control-request-headers': headers,
      },
    })
    test.each<[string, SendOptions, number, Record<string, string | undefined>]>([
      [
        'a preflight request that may',
        preflight('https://a.example.com', 'content-type,x-tenant'),
        204,
        {
          'access-control-allow-origin': 'https://a.example.com',
          'access-control-allow-methods': 'POST',
          'access-control-allow-headers': 'content-type,x-tenant',
          'access-control-allow-credentials': 'true',
          'access-control-max-age': '600',
          vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
        },
      ],
      ['another origin', preflight('https://example.org', ''), 204, { 'access-control-allow-origin': undefined }],
      [
        'another header',
        preflight('https://a.example.com', 'x-other'),
        204,
        { 'access-control-allow-origin': undefined },
      ],
      [
        'another method',
        preflight('https://a.example.com', '', 'PUT'),
        204,
        { 'access-control-allow-origin': undefined },
      ],
      [
        'the request itself',
        { headers: { ...protobuf, origin: 'https://a.example.com' }, body: l1 },
        200,
        { 'access-control-allow-origin': 'https://a.example.com', vary: 'Origin' },
      ],
      ['a request without origin', { headers: protobuf, body: l1 }, 200, { 'access-control-allow-origin': undefined }],
    ])('%s', async (_, options, status, headers) => {
      const run = await startOtlp({ http: { cors } })
      const answer = await run.send(options)
      expect(answer.status).toBe(status)
      for (const [name, value] of Object.entries(headers)) expect(answer.headers[name]).toBe(value)
    })
  })
})

test.each(['grpc', 'http'] as const)('%s: new connections get the certificate that was written last', async (door) => {
  const vault = newVault()
  const { cert, key, ca } = vault.files('server', { commonName: 'first' })
  const tls = { cert_file: cert, key_file: key, reload_interval: '10ms' }
  const run = await startOtlp({ [door]: { tls } })
  const port = door === 'http' ? run.http : Number(run.grpc.split(':')[1])
  const shown = async (): Promise<unknown> => {
    const socket = tlsConnect({
      port,
      host: '127.0.0.1',
      ca: readFileSync(ca),
      servername: 'metron',
      ALPNProtocols: ['h2', 'http/1.1'],
    })
    await once(socket, 'secureConnect')
    const { subject } = socket.getPeerCertificate()
    socket.destroy()
    return subject.CN
  }
  expect(await shown()).toBe('first')
  vault.files('server', { commonName: 'second' })
  while ((await shown()) !== 'second') await new Promise(setImmediate)
})

describe('who may come in', () => {
  const bearer = { bearertokenauth: { spec: bearertokenauth, config: { token: 'secret' } } }
  const basic = { basicauth: { spec: basicauth, config: { htpasswd: { inline: 'a:b' } } } }
  const auth = (authenticator: string) => ({ auth: { authenticator } })

  test('gRPC: without the token UNAUTHENTICATED', async () => {
    const run = await startOtlp({ grpc: auth('bearertokenauth') }, { extensions: bearer })
    const call = (authorization?: string) =>
      run.client().unary(exportLogs, l1, authorization ? { metadata: { authorization } } : {})
    expect(await failure(call())).toMatchObject({
      code: GrpcCode.unauthenticated,
      message: 'missing or empty authorization header: Authorization',
    })
    expect(await failure(call('Bearer other'))).toMatchObject({ code: GrpcCode.unauthenticated })
    await call('Bearer secret')
    expect(run.batches).toHaveLength(1)
  })

  test('HTTP: without user and password 401', async () => {
    const run = await startOtlp({ http: auth('basicauth') }, { extensions: basic })
    const none = await run.send({ headers: json, body: '{}' })
    expect(none.status).toBe(401)
    expect(JSON.parse(none.body.toString())).toEqual({ code: 16, message: 'no basic auth provided' })
    const wrong = await run.send({ headers: { ...protobuf, authorization: 'Basic YTpj' }, body: l1 })
    expect(wrong).toMatchObject({ status: 401, headers: { 'content-type': 'application/x-protobuf' } })
    expect(await run.send({ headers: { ...protobuf, authorization: 'Basic YTpi' }, body: l1 })).toMatchObject({
      status: 200,
    })
  })

  test('a slow hash: the request is kept until it is known who sent it', async () => {
    const inline = 'a:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a'
    const bcrypt = { basicauth: { spec: basicauth, config: { htpasswd: { inline } } } }
    const run = await startOtlp({ grpc: auth('basicauth'), http: auth('basicauth') }, { extensions: bcrypt })
    const shows = (password: string) => ({ authorization: `Basic ${Buffer.from(`a:${password}`).toString('base64')}` })
    const call = (password: string) => run.client().unary(exportLogs, l1, { metadata: shows(password) })
    expect(await failure(call('other'))).toMatchObject({
      code: GrpcCode.unauthenticated,
      message: 'invalid credentials',
    })
    // The second call comes while the first waits for its hash.
    await Promise.all([call('secret'), call('secret')])
    expect(run.batches.map((batch) => Buffer.compare(batch.bytes(), l1))).toEqual([0, 0])
    const post = (password: string) => run.send({ headers: { ...protobuf, ...shows(password) }, body: l1 })
    expect([(await post('wrong')).status, (await post('secret')).status]).toEqual([401, 200])
    // Connections stay open.
    expect(run.budget.used % connectionBytes.plain).toBe(0)
  })

  test('HTTP: a parameter of the query may stand for a header', async () => {
    const token = { bearertokenauth: { spec: bearertokenauth, config: { header: 'Token', scheme: '', token: 'a b' } } }
    const http = { auth: { authenticator: 'bearertokenauth', request_params: ['Token'] } }
    const run = await startOtlp({ http }, { extensions: token })
    expect(await run.send({ path: '/v1/logs?Token=a%20b', headers: protobuf, body: l1 })).toMatchObject({ status: 200 })
    expect(await run.send({ path: '/v1/logs?Token=c', headers: protobuf, body: l1 })).toMatchObject({ status: 401 })
    expect(await run.send({ headers: { ...protobuf, token: 'a b' }, body: l1 })).toMatchObject({ status: 200 })
  })

  test('HTTP: a large body that nobody wants does not lose the answer', async () => {
    const run = await startOtlp({ http: { max_request_body_size: 1000 } })
    const answer = await run.send({ headers: json, body: Buffer.alloc(8 << 20, 0x20) })
    expect(answer.status).toBe(400)
    // Connections stay open.
    expect(run.budget.used % connectionBytes.plain).toBe(0)
  })

  test('an authenticator that is not there stops the start', async () => {
    await expect(startOtlp({ grpc: auth('nosuch') })).rejects.toThrow(/failed to resolve authenticator "nosuch"/)
  })
})

describe('configuration', () => {
  const faults = (config: unknown) => otlpConfig.safeParse(config).error?.issues.map(({ message }) => message) ?? []
  test('one protocol at least', () => {
    const text = 'must specify at least one protocol when using the OTLP receiver'
    for (const config of [
      {},
      null,
      { protocols: {} },
      { protocols: null },
      { protocols: { grpc: { enabled: false } } },
    ]) {
      expect(faults(config)).toEqual([text])
    }
  })

  test('a protocol with nothing behind it is on, one that is absent is off', () => {
    const { protocols } = otlpConfig.parse({ protocols: { grpc: null } as never })
    expect(protocols.http).toBeUndefined()
    expect(protocols.grpc).toMatchObject({ endpoint: { host: 'localhost', port: 4317 }, max_recv_msg_size_mib: 4 })
    expect(otlpConfig.parse({ protocols: { http: {} } }).protocols.http).toMatchObject({
      endpoint: { host: 'localhost', port: 4318 },
      traces_url_path: '/v1/traces',
      metrics_url_path: '/v1/metrics',
      logs_url_path: '/v1/logs',
      max_request_body_size: 20 << 20,
    })
  })

  test('half a pair of certificate and key, and unknown keys', () => {
    expect(faults({ protocols: { grpc: { tls: { cert_file: 'a' } } } })).toEqual([
      'failed to load TLS config: failed to load TLS cert and key: for auth via TLS, provide both certificate and key, or neither',
    ])
    expect(otlpConfig.safeParse({ protocols: { htttp: {} } }).error?.issues[0]).toMatchObject({
      code: 'unrecognized_keys',
      keys: ['htttp'],
    })
  })
})
