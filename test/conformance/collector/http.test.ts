import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { Refused } from '../../../src/delivery/admission.ts'
import { type RunOptions, type SendOptions, startOtlp } from '../../../src/receivers/otlp/otlp-run.fixture.ts'

// The Collector's table, part 4: what the receiver answers over HTTP.

const json = { 'content-type': 'application/json' }
const protobuf = { 'content-type': 'application/x-protobuf' }
const empty = '{"resourceLogs":[]}'
const shortId = '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f"}]}]}]}'

interface Answered {
  status: number
  type: string
  /** What the body is, as text; bytes of protobuf in hexadecimal. */
  body: string | RegExp
}

interface Case extends RunOptions {
  http?: object
  request: SendOptions
  answered: Answered
}

const cases: Record<string, Case> = {
  GET: {
    request: { method: 'GET' },
    answered: { status: 405, type: 'text/plain', body: '405 method not allowed, supported: [POST]' },
  },
  text: {
    request: { headers: { 'content-type': 'text/plain' }, body: 'x' },
    answered: {
      status: 415,
      type: 'text/plain',
      body: '415 unsupported media type, supported: [application/json, application/x-protobuf]',
    },
  },
  'JSON with a charset': {
    request: { headers: { 'content-type': 'application/json; charset=utf-8' }, body: '{}' },
    answered: { status: 200, type: 'application/json', body: '{"partialSuccess":{}}' },
  },
  'protobuf without a body': {
    request: { headers: protobuf },
    answered: { status: 200, type: 'application/x-protobuf', body: '0a00' },
  },
  'JSON that breaks off': {
    request: { headers: json, body: '{' },
    answered: { status: 400, type: 'application/json', body: /^\{"code":3,/ },
  },
  'protobuf that breaks off': {
    request: { headers: protobuf, body: Buffer.from('ff', 'hex') },
    answered: { status: 400, type: 'application/x-protobuf', body: /^0803/ },
  },
  'gzip that is none': {
    request: { headers: { ...json, 'content-encoding': 'gzip' }, body: empty },
    answered: { status: 400, type: 'application/json', body: /"message":"gzip: invalid header"/ },
  },
  'an encoding that nobody knows': {
    request: { headers: { ...json, 'content-encoding': 'nosuch' }, body: empty },
    answered: { status: 400, type: 'application/json', body: /"message":"unsupported Content-Encoding: nosuch"/ },
  },
  'a body of N bytes where N are allowed': {
    http: { max_request_body_size: empty.length },
    request: { headers: json, body: empty },
    answered: { status: 200, type: 'application/json', body: '{"partialSuccess":{}}' },
  },
  'a body of N bytes where N - 1 are allowed': {
    http: { max_request_body_size: empty.length - 1 },
    request: { headers: json, body: empty },
    answered: { status: 400, type: 'application/json', body: /"message":"http: request body too large"/ },
  },
  'a body that is too large when it is decompressed': {
    http: { max_request_body_size: 100 },
    request: { headers: { ...json, 'content-encoding': 'gzip' }, body: gzipSync(' '.repeat(10_000)) },
    answered: { status: 400, type: 'application/json', body: /"message":"http: request body too large"/ },
  },
  'traces without a pipeline': {
    formats: ['logs'],
    request: { path: '/v1/traces', headers: json, body: '{}' },
    answered: { status: 404, type: 'text/plain', body: /404/ },
  },
  'a trace id of 30 digits': {
    request: { path: '/v1/traces', headers: json, body: shortId },
    answered: { status: 400, type: 'application/json', body: /traceId/ },
  },
}

test.each(Object.entries(cases))('%s', async (_, { http = {}, request, answered, ...options }) => {
  const run = await startOtlp({ http }, options)
  const { status, headers, body } = await run.send(request)
  const type = String(headers['content-type']).split(';')[0]
  const text = body.toString(type === 'application/x-protobuf' ? 'hex' : 'utf8')
  const expected = typeof answered.body === 'string' ? answered.body : expect.stringMatching(answered.body)
  expect({ status, type, body: text.trim() }).toEqual({ ...answered, body: expected })
})

test('a pipeline that asks for 5 s: 503, and Retry-After', async () => {
  const run = await startOtlp({ http: {} })
  run.verdict = new Refused('busy', 5000)
  const body = '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"a"}}]}]}]}'
  const answer = await run.send({ headers: json, body })
  expect([answer.status, answer.headers['retry-after']]).toEqual([503, '5'])
})
