import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Binding, decodeBindingPage, decodeBindings, encodeBindings } from './bindings.ts'

const binding: Binding = {
  url: 'syslog-tls://d.example:6514?drain-data=all&x=<1>',
  credentials: [
    { cert: '', key: '', ca: '', apps: [{ hostname: 'o.s.a', app_id: 'guid-1' }] },
    { cert: 'C\n', key: 'K\t"', ca: 'A\u2028', apps: null },
  ],
}
const json =
  '[{"url":"syslog-tls://d.example:6514?drain-data=all\\u0026x=\\u003c1\\u003e","credentials":[' +
  '{"cert":"","key":"","ca":"","apps":[{"hostname":"o.s.a","app_id":"guid-1"}]},' +
  '{"cert":"C\\n","key":"K\\t\\"","ca":"A\\u2028","apps":null}]}]\n'

test('is written as Go writes it, and read back', () => {
  expect(encodeBindings([binding]).toString()).toBe(json)
  expect(decodeBindings(json)).toEqual([binding])
})

test('no drains are [] for applications and null for aggregates', () => {
  expect(encodeBindings([]).toString()).toBe('[]\n')
  expect(encodeBindings(null).toString()).toBe('null\n')
  expect(decodeBindings('null\n')).toEqual([])
})

test('names match in any case, the exact one first; what is unknown or absent does not matter', () => {
  const page = decodeBindingPage(
    '{"NEXT_ID":2,"v5_available":true,"results":[{"URL":"x","url":"syslog://a","Credentials":[{"Apps":[{"App_ID":"1"}],"extra":{}}]}]}',
  )
  expect(page).toEqual({
    nextId: 2,
    results: [
      { url: 'syslog://a', credentials: [{ cert: '', key: '', ca: '', apps: [{ hostname: '', app_id: '1' }] }] },
    ],
  })
  expect(decodeBindingPage('{"results":[],"next_id":null}')).toEqual({ results: [], nextId: 0 })
  expect(decodeBindingPage('{"results":null}')).toEqual({ results: [], nextId: 0 })
})

test.each([
  ['', 'empty body'],
  ['<html>', 'not JSON'],
  ['{"a"', 'not JSON (at character 4)'],
  ['{}', 'the answer is an object, expected a list'],
  ['[1]', 'the answer[0] is a number, expected an object'],
  ['[{"url":1}]', 'the answer[0].url is a number, expected text'],
  ['[{"credentials":{}}]', 'the answer[0].credentials is an object, expected a list'],
  [
    '[{"credentials":[{"apps":[{"app_id":[]}]}]}]',
    'the answer[0].credentials[0].apps[0].app_id is a list, expected text',
  ],
])('%s is refused: %s', (text, message) => {
  expect(() => decodeBindings(text)).toThrow(message)
})

test('a page number must be whole', () => {
  expect(() => decodeBindingPage('{"next_id":1.5}')).toThrow('next_id is a number, expected a whole number')
  expect(() => decodeBindingPage('{"next_id":"2"}')).toThrow('next_id is a string, expected a whole number')
})

test('a fault never quotes what was read', () => {
  for (const text of ['SECRET', '[{"url":SECRET}]', '["SECRET"]', '{"SECRET']) {
    try {
      decodeBindings(text)
    } catch (error) {
      expect((error as Error).message).not.toContain('SECRET')
    }
  }
})

test('any JSON is a list or a plain error', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      try {
        encodeBindings(decodeBindings(text))
        decodeBindingPage(text)
      } catch (error) {
        expect(error).toBeInstanceOf(Error)
        expect(error).not.toBeInstanceOf(TypeError)
      }
    }),
  )
})
