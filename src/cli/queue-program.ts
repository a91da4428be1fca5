import type { Command } from 'commander'
import type { DropFlags, PeekFlags, QueueFlags, ReplayFlags } from './queue.ts'

const place = 'folder of a queue, directory with queues, or the configuration whose file_storage holds them'
const collect = (value: string, all: string[]): string[] => [...all, value]

/** Adds `tailrace queue ...`; the commands themselves are loaded when one is called. */
export function addQueue(program: Command): void {
  const queue = program
    .command('queue')
    .description('look after queues on disk (file_storage), also of an agent that is stopped')
  const command = (name: string, description: string) =>
    queue
      .command(name)
      .description(description)
      .argument('<place>', place)
      .option('--exporter <id>', 'only queues of this exporter: otlp/eu')
  const timed = (made: Command) =>
    made
      .option('--since <time>', 'only batches that came then or later: 2026-11-21T09:00:00Z, or how long ago: 2h')
      .option('--to <time>', 'only batches that came before')
  const changing = (made: Command) =>
    timed(made)
      .option('--admin <where>', 'where an agent runs that has the queue: its admin socket')
      .option('--pid <process>', 'its process id')
  command('ls', 'list queues: what waits, since when, what is damaged, who uses them')
    .option('--json', 'as JSON')
    .action(async (where: string, flags: QueueFlags) => {
      const { queueLs } = await import('./queue.ts')
      process.exitCode = await queueLs(where, flags)
    })
  command('verify', 'read every byte and compare the checksums; exit code 1 when something is damaged')
    .option('--json', 'as JSON')
    .action(async (where: string, flags: QueueFlags) => {
      const { queueVerify } = await import('./queue.ts')
      process.exitCode = await queueVerify(where, flags)
    })
  timed(command('peek', 'show the oldest batches of a queue, secrets masked; takes nothing out'))
    .option('-n, --number <n>', 'batches', '10')
    .option('--records <n>', 'records of each batch', '3')
    .option('--json', 'as JSON, one batch a line')
    .action(async (where: string, flags: PeekFlags) => {
      const { queuePeek } = await import('./queue.ts')
      process.exitCode = await queuePeek(where, flags)
    })
  changing(
    command('replay', 'send what is in a queue somewhere; without --endpoint, put dead letters back into their queue'),
  )
    .option(
      '--endpoint <where>',
      'http://host:4318 (OTLP over HTTP) or host:4317 (gRPC: OTLP, or a loggregator ingress)',
    )
    .option('--header <name=value>', 'sent with every request; repeatable', collect, [])
    .option('--ca <file>', 'gRPC: CA of the server')
    .option('--cert <file>', 'gRPC: own certificate')
    .option('--key <file>', 'gRPC: key of the own certificate')
    .option('--server-name <name>', 'gRPC: name that the certificate of the server must carry')
    .option('--timeout <duration>', 'for each request', '10s')
    .option('--keep', 'only send: what is in the queue stays there')
    .action(async (where: string, flags: ReplayFlags) => {
      const { queueReplay } = await import('./queue.ts')
      process.exitCode = await queueReplay(where, flags)
    })
  changing(command('drop', 'remove what is in a queue'))
    .option('--yes', 'do it; without, it is only counted')
    .action(async (where: string, flags: DropFlags) => {
      const { queueDrop } = await import('./queue.ts')
      process.exitCode = await queueDrop(where, flags)
    })
}
