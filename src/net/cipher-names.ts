import { createSecureContext } from 'node:tls'

/** OpenSSL's names of everything the original knows; those that OpenSSL no longer has are known all the same. */
const openSslNames = [
  'AES128-SHA256',
  'AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'ECDHE-ECDSA-RC4-SHA',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-RC4-SHA',
  'ECDHE-RSA-DES-CBC3-SHA',
  'ECDHE-RSA-AES128-SHA',
  'ECDHE-RSA-AES256-SHA',
  'ECDHE-ECDSA-AES128-SHA256',
  'ECDHE-RSA-AES128-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
]

/** IANA's names, with OpenSSL's for the same. */
const ianaNames: Record<string, string> = Object.fromEntries(
  [
    ...['RC4_128_SHA', '3DES_EDE_CBC_SHA', 'AES_128_CBC_SHA', 'AES_256_CBC_SHA', 'AES_128_CBC_SHA256'].map(
      (suite) => `RSA_WITH_${suite}`,
    ),
    ...['RSA_WITH_AES_128_GCM_SHA256', 'RSA_WITH_AES_256_GCM_SHA384'],
    ...['ECDHE_ECDSA', 'ECDHE_RSA'].flatMap((kind) =>
      [
        'RC4_128_SHA',
        'AES_128_CBC_SHA',
        'AES_256_CBC_SHA',
        'AES_128_CBC_SHA256',
        'AES_128_GCM_SHA256',
        'AES_256_GCM_SHA384',
        'CHACHA20_POLY1305',
      ].map((suite) => `${kind}_WITH_${suite}`),
    ),
  ].map((name) => [`TLS_${name}`, openSslName(name)]),
)

function openSslName(iana: string): string {
  const [kind = '', suite = ''] = iana.split('_WITH_')
  const cipher = suite
    .replace('3DES_EDE_CBC', 'DES-CBC3')
    .replace(/AES_(\d+)_CBC/, 'AES$1')
    .replace(/AES_(\d+)/, 'AES$1')
    .replace('RC4_128', 'RC4')
  return [...(kind === 'RSA' ? [] : [kind]), cipher].join('-').replaceAll('_', '-')
}

/** Suites of TLS 1.2 for peers beyond the platform: what is safe, with keys of either kind. */
export const externalSuites: string = [
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

/** OpenSSL's list for names of either kind. Throws for a name that the original does not know. */
export function cipherNames(names: readonly string[]): string {
  const known = names.map((given) => {
    const name = given.trim()
    if (openSslNames.includes(name)) return name
    if (Object.hasOwn(ianaNames, name)) return ianaNames[name]!
    const choice = [...openSslNames, ...Object.keys(ianaNames)].join(' ')
    throw new Error(`invalid cipher string configuration: ${name}, please choose from [${choice}]`)
  })
  const list = known.join(':')
  try {
    createSecureContext({ ciphers: list, maxVersion: 'TLSv1.2' })
  } catch {
    throw new Error(`none of the ciphers ${names.join(', ')} is built in any more: choose others`)
  }
  return list
}
