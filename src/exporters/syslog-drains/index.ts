import { defineExporter } from '../../plugin.ts'
import { fields } from './config.ts'
import { newSyslogDrains } from './syslog-drains.ts'

/** Syslog for applications: everything an app logs goes to the drains bound to it, as RFC 5424. Wire facts: docs/wire. */
export default defineExporter({
  type: 'syslog_drains',
  stability: 'beta',
  summary: 'Sends what applications log to the drains bound to them, and everything to aggregate drains, as syslog.',
  takes: ['envelopes'],
  delivery: {
    semantics: 'best effort',
    order: 'kept',
    on_kill: 'what waits in memory (10,000 messages a drain by default) and what is on the wire; not what is on disk',
  },
  config: fields,
  create: ({ config, host }) => newSyslogDrains(config, host),
})
