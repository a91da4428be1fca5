import { createPublicKey, X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { issue, newAuthority } from './certs.ts'

const authority = newAuthority({ commonName: 'test CA' })

test('an issued certificate is signed by its authority and good for both roles', () => {
  const leaf = issue(authority, {
    commonName: 'metron',
    names: ['metron', 'doppler'],
    ips: ['127.0.0.1', '::1', 'fe80::1:2'],
  })
  const cert = new X509Certificate(leaf.cert)
  const ca = new X509Certificate(authority.cert)
  expect(cert.verify(ca.publicKey)).toBe(true)
  expect(cert.checkIssued(ca)).toBe(true)
  expect([ca.ca, cert.ca]).toEqual([true, false])
  expect([cert.subject, cert.issuer]).toEqual(['CN=metron', 'CN=test CA'])
  expect(cert.subjectAltName).toBe(
    'DNS:metron, DNS:doppler, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, IP Address:FE80:0:0:0:0:0:1:2',
  )
  expect(cert.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
  expect(cert.publicKey.equals(createPublicKey(leaf.key))).toBe(true)
})

test.each([
  ['2020-01-02T03:04:05Z', '2049-12-31T23:59:59Z'],
  ['2050-01-01T00:00:00Z', '2099-06-01T00:00:00Z'],
])('validity %s to %s', (from, to) => {
  const leaf = issue(authority, { commonName: 'x', notBefore: new Date(from), notAfter: new Date(to) })
  const cert = new X509Certificate(leaf.cert)
  expect([Date.parse(cert.validFrom), Date.parse(cert.validTo)]).toEqual([Date.parse(from), Date.parse(to)])
})

test('days count from notBefore', () => {
  const notBefore = new Date('2026-01-01T00:00:00Z')
  const cert = new X509Certificate(issue(authority, { commonName: 'x', notBefore, days: 2 }).cert)
  expect(Date.parse(cert.validTo)).toBe(Date.parse('2026-01-03T00:00:00Z'))
})

test('keys of the size or kind asked for', () => {
  const small = new X509Certificate(issue(authority, { commonName: 'x', bits: 1024 }).cert)
  expect(small.publicKey.asymmetricKeyDetails?.modulusLength).toBe(1024)
  const curve = new X509Certificate(issue(authority, { commonName: 'x', keyType: 'ec' }).cert)
  expect(curve.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1')
})

test('many names need long lengths', () => {
  const names = Array.from({ length: 300 }, (_, index) => `host-${index}.service.cf.internal`)
  const cert = new X509Certificate(issue(authority, { commonName: 'x', names }).cert)
  expect(cert.subjectAltName?.split(', ')).toHaveLength(300)
  expect(cert.verify(new X509Certificate(authority.cert).publicKey)).toBe(true)
})

test('a wrong address is named', () => {
  expect(() => issue(authority, { commonName: 'x', ips: ['300.1.1.1'] })).toThrow(
    'expected an IP address, got "300.1.1.1"',
  )
})
