import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newFolder } from '../support/folder.ts'
import { freePort } from '../support/free-port.ts'
import { startRole } from '../support/role.ts'

// Requests as the OTLP specification publishes them (64-bit numbers as JSON numbers, ids in capitals), one of each type of
// metric and of each signal with every field set, through every door: JSON in, out to a file, and out by gRPC and by HTTP
// into tailrace again. Nothing may be missing behind any of them.

const folder = new URL('../testdata/otlp-json/', import.meta.url).pathname
const examples = readdirSync(folder).map((file) => file.replace('.json', ''))
const signalOf = (name: string) => (name === 'logs' || name === 'traces' ? name : 'metrics')

/** What an encoder makes of it: 64-bit numbers as text, ids in small letters. */
const encoded = (text: string) =>
  JSON.parse(
    text
      .replace(/"(\w+UnixNano|count|zeroCount|intValue|asInt)": (-?\d+)/g, '"$1": "$2"')
      .replace(/"bucketCounts": \[([^\]]*)\]/g, (_, counts) => `"bucketCounts": [${counts.replace(/\d+/g, '"$&"')}]`)
      .replace(/"(\w*[iI]d)": "(\w+)"/g, (_, key, id) => `"${key}": "${id.toLowerCase()}"`),
  )

const configuration = (ports: number[], out: string) => `
receivers:
  otlp/json: {protocols: {http: {endpoint: "127.0.0.1:${ports[0]}"}}}
  otlp/grpc: {protocols: {grpc: {endpoint: "127.0.0.1:${ports[1]}"}}}
  otlp/http: {protocols: {http: {endpoint: "127.0.0.1:${ports[2]}"}}}
exporters:
  file/json: {path: ${out}/json}
  file/grpc: {path: ${out}/grpc}
  file/http: {path: ${out}/http}
  otlp: {endpoint: "127.0.0.1:${ports[1]}", tls: {insecure: true}, retry_on_failure: {initial_interval: 10ms}}
  otlphttp: {endpoint: "http://127.0.0.1:${ports[2]}", encoding: json, retry_on_failure: {initial_interval: 10ms}}
service:
  pipelines:
${['logs', 'metrics', 'traces']
  .flatMap((signal) => [
    `    ${signal}/json: {receivers: [otlp/json], exporters: [file/json, otlp, otlphttp]}`,
    `    ${signal}/grpc: {receivers: [otlp/grpc], exporters: [file/grpc]}`,
    `    ${signal}/http: {receivers: [otlp/http], exporters: [file/http]}`,
  ])
  .join('\n')}
`

test.each(examples)('%s', async (name) => {
  const ports = [await freePort(), await freePort(), await freePort()]
  const out = newFolder()
  const role = await startRole(`${newFolder({ 'agent.yaml': configuration(ports, out) })}/agent.yaml`, {})
  const body = readFileSync(join(folder, `${name}.json`), 'utf8')
  const headers = { 'content-type': 'application/json' }
  const url = `http://127.0.0.1:${ports[0]}/v1/${signalOf(name)}`
  const answer = await fetch(url, { method: 'POST', headers, body })
  expect([answer.status, await answer.json()]).toEqual([200, { partialSuccess: {} }])
  const lines = (door: string) => readFileSync(join(out, door), 'utf8').trim().split('\n')
  for (const door of ['json', 'grpc', 'http'] as const) {
    await expect.poll(() => lines(door)[0]).not.toBe('')
    expect(lines(door).map((line) => JSON.parse(line))).toEqual([encoded(body)])
  }
  expect((await role.stop()).code).toBe(0)
})
