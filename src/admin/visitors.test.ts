import { expect, test } from 'vitest'
import { isLocalName, isNameOf, turnedAway } from './visitors.ts'

const certificate = { checkHost: (name: string) => (name === 'agent.example' ? name : undefined) }
const isNamed = isNameOf(() => certificate)

test.each<[string, Record<string, string>, boolean]>([
  ['localhost', { host: 'localhost' }, true],
  ['localhost with a port', { host: 'localhost:8443' }, true],
  ['a name of somebody else', { host: 'evil.example' }, false],
  ['no host', {}, false],
  ['nonsense', { host: 'a b' }, false],
  ['a long name', { host: 'a'.repeat(300) }, false],
  ['two names', { host: 'localhost,evil.example' }, false],
])('a local socket: %s', (_, headers, welcome) => {
  expect(turnedAway({ headers }, isLocalName) === undefined).toBe(welcome)
})

test.each<[string, Record<string, string>, boolean]>([
  ['a name in the certificate', { host: 'agent.example:8443' }, true],
  ['an address', { host: '10.0.0.1:8443' }, true],
  ['an IPv6 address', { host: '[::1]:8443' }, true],
  ['a name that is not ours', { host: 'rebound.example' }, false],
  ['our own page', { host: 'agent.example:8443', origin: 'https://agent.example:8443' }, true],
  ['a page of another site', { host: 'agent.example:8443', origin: 'https://evil.example' }, false],
  ['a page of nowhere', { host: 'agent.example:8443', origin: 'null' }, false],
])('a port: %s', (_, headers, welcome) => {
  expect(turnedAway({ headers }, isNamed) === undefined).toBe(welcome)
})
