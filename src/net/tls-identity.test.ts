import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { issue, newAuthority } from '../runtime/certs.ts'
import { serverIdentityError } from './tls-identity.ts'

const authority = newAuthority({ commonName: 'test CA' })
const certificate = (commonName: string, names: string[], ips: string[] = []) =>
  new X509Certificate(issue(authority, { commonName, names, ips }).cert).toLegacyObject()

test.each<[string, string, string[], string[], string, boolean]>([
  ['an alternative name', 'x', ['metron'], [], 'metron', true],
  ['one of several', 'x', ['doppler', 'metron'], [], 'metron', true],
  ['a wildcard', 'x', ['*.example.com'], [], 'a.example.com', true],
  ['an address', 'x', [], ['127.0.0.1'], '127.0.0.1', true],
  ['another name', 'metron', ['doppler'], [], 'metron', false],
  ['a common name alone', 'metron', [], [], 'metron', false],
  ['a common name beside an address', 'metron', [], ['127.0.0.1'], 'metron', false],
  ['an address as a name', '127.0.0.1', ['127.0.0.1'], [], '127.0.0.1', false],
])('%s', (_what, commonName, names, ips, wanted, valid) => {
  const error = serverIdentityError(wanted, certificate(commonName, names, ips))
  expect(error === undefined).toBe(valid)
  if (error) expect((error as NodeJS.ErrnoException).code).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
})
