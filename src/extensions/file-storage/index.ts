import { defineExtension } from '../../plugin.ts'
import { fileStorageConfig } from './config.ts'
import { newFileStorage } from './file-storage.ts'

/** Queues of exporters that survive the end of the process. */
export default defineExtension({
  type: 'file_storage',
  stability: 'beta',
  summary: 'Keeps the sending queues of exporters on disk, so that a restart, a kill or a power cut loses nothing.',
  config: fileStorageConfig,
  create: ({ config, host }) => newFileStorage(config, host),
})
