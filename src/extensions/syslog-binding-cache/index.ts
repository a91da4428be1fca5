import { defineExtension } from '../../plugin.ts'
import { newBindingCache } from './binding-cache.ts'
import { fields } from './settings.ts'

/** The service that every syslog agent asks for its drains: polls the Cloud Controller, validates, serves. */
export default defineExtension({
  type: 'syslog_binding_cache',
  stability: 'beta',
  summary: 'Polls the Cloud Controller for syslog drains, validates them and serves them to all syslog agents.',
  config: fields,
  resources: ({ endpoint }) => (endpoint.port === 0 ? [] : [`tcp ${endpoint.text}`]),
  create: ({ config, host }) => newBindingCache(config, host),
})
