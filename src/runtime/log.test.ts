import { expect, test } from 'vitest'
import { type LogOptions, newLog } from './log.ts'

function logged(options: LogOptions): string[] {
  const lines: string[] = []
  const log = newLog({ ...options, write: (line) => void lines.push(line) })
  log.named('statsd').named('inner').warn('3 records lost', { reason: 'queue_full', detail: 'a "b"' })
  log.line('grpc bound to: 127.0.0.1:1')
  log.debug('too much detail')
  return lines
}

test('a line of text has the time, who speaks, what is wrong, and fields', () => {
  const [warning, announced, ...more] = logged({})
  expect(warning).toMatch(
    /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[statsd inner\] warn: 3 records lost reason=queue_full detail="a \\"b\\""\n$/,
  )
  expect(announced).toMatch(/^\S+ \S+ grpc bound to: 127\.0\.0\.1:1\n$/)
  expect(more).toEqual([])
})

test('the stamp of RFC 3339 is UTC with nine digits', () => {
  expect(logged({ stamp: 'rfc3339' })[1]).toMatch(
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z grpc bound to: 127\.0\.0\.1:1\n$/,
  )
})

test('initial fields stand in every line, but not in text that tooling reads as it is', () => {
  const fields = { team: 'a' }
  const [warning, announced] = logged({ fields })
  expect(warning).toContain('lost team=a reason=queue_full')
  expect(announced).not.toContain('team')
  const [first, second] = logged({ fields, format: 'json' }).map((line) => JSON.parse(line) as object)
  expect(first).toMatchObject({ level: 'warn', component: 'statsd inner', team: 'a', reason: 'queue_full' })
  expect(second).toMatchObject({ level: 'info', message: 'grpc bound to: 127.0.0.1:1', team: 'a' })
})

test('what is below the level is left out', () => {
  expect(logged({ level: 'warn' })).toHaveLength(1)
  expect(logged({ level: 'debug' })).toHaveLength(3)
})
