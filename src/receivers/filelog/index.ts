import { resolve } from 'node:path'
import { defineReceiver } from '../../plugin.ts'
import { config } from './config.ts'
import { newFilelog } from './filelog.ts'

/** Reads files as they grow. */
export default defineReceiver({
  type: 'filelog',
  aliases: ['file_log'],
  stability: 'beta',
  summary: 'Reads log files as they grow, through rotation and restarts.',
  config,
  makes: ['logs'],
  // A file that is not read waits.
  pushesBack: true,
  resources: ({ checkpoints }) => (checkpoints === undefined ? [] : [`file ${resolve(checkpoints)}`]),
  create: ({ config, host, intakes }) => newFilelog(config, host, intakes.logs!),
})
