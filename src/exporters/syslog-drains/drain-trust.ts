import { readFileSync } from 'node:fs'
import { newTlsContexts, type TlsContexts } from '../../net/tls-contexts.ts'
import type { Log } from '../../plugin.ts'
import type { SyslogDrainsConfig } from './config.ts'

export interface DrainTrust {
  contexts(): TlsContexts
  /** What `ca_file` held. */
  readonly authority: string
}

/** The trust of all drains. Unknown suites are an error here and now; a file that cannot be used is only told. */
export function newDrainTrust(settings: SyslogDrainsConfig['tls'], log: Log): DrainTrust {
  const trustedCa = settings.ca_file && readAuthority(settings.ca_file, log)
  const cipherSuites = settings.cipher_suites.split(/[:,]/).flatMap((name) => name.trim() || [])
  const make = (ca: string | undefined) =>
    newTlsContexts({ trustedCa: ca, cipherSuites, insecureSkipVerify: settings.insecure_skip_verify })
  let contexts: TlsContexts
  try {
    contexts = make(undefined)
  } catch (error) {
    throw new Error(`failed to load create tls config for http client: ${(error as Error).message}`, { cause: error })
  }
  if (trustedCa) {
    try {
      contexts = make(trustedCa)
    } catch {
      log.error('unable to add provided custom CA', { file: settings.ca_file })
    }
  }
  return { contexts: () => contexts, authority: trustedCa ?? '' }
}

function readAuthority(file: string, log: Log): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    log.error(`unable to read provided custom CA: ${(error as Error).message}`)
    return undefined
  }
}
