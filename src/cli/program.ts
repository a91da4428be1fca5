import { Command, Option } from 'commander'
import type { DrainCheckFlags } from './drain-check.ts'
import { ExitCode } from './exit-codes.ts'
import { version } from './version.ts'

const exitCodes = `
Exit codes:
  0   done, or stopped by a signal after everything was settled
  1   could not start, or a command failed
  2   the command line was wrong
  78  the configuration was wrong (every problem is listed)`

/** Runs the command line. Nothing below this layer ends the process. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = newProgram()
  try {
    await program.parseAsync([...argv])
  } catch (error) {
    process.exitCode = exitCodeOf(error)
  }
}

function newProgram(): Command {
  // Before the subcommands, which inherit it: a wrong command line ends with our exit code.
  const program = new Command('tailrace').exitOverride()
  program
    .description('Loggregator and OpenTelemetry in one agent: receivers, processors, exporters over one engine.')
    .version(`tailrace ${version()}`, '-V, --version')
    .addHelpText('after', exitCodes)
    .showHelpAfterError('(tailrace --help lists the commands)')
  program
    .command('run')
    .description('run the pipelines of the configuration until a signal stops it')
    .argument('[files...]', 'YAML files, merged in order')
    .option('--config <file>', 'another file, as the Collector spells it; repeatable', collect, [])
    .option(
      '--set <key=value>',
      'overrides one setting, e.g. receivers.statsd.endpoint=127.0.0.1:8126; repeatable',
      collect,
      [],
    )
    .option('--feature-gates <gates>', 'accepted for the sake of Collector command lines; ours has none')
    .addOption(
      new Option('--log-format <format>', 'how the agent writes its own log').choices(['text', 'json']).default('text'),
    )
    .action(async (files: string[], options: RunFlags) => {
      const { run } = await import('./run.ts')
      process.exitCode = await run([...files, ...options.config], options)
    })
  program
    .command('check')
    .alias('validate')
    .description('report every problem of the configuration without starting anything')
    .argument('[files...]', 'YAML files, merged in order')
    .option('--config <file>', 'another file; repeatable', collect, [])
    .option('--set <key=value>', 'overrides one setting; repeatable', collect, [])
    .action(async (files: string[], options: RunFlags) => {
      const { check } = await import('./check.ts')
      process.exitCode = await check([...files, ...options.config], options.set)
    })
  program
    .command('components')
    .description('list the components, or everything about one')
    .argument('[name]', 'e.g. statsd or receiver/statsd')
    .option('--config <file>', 'also the plugins that this file loads; repeatable', collect, [])
    .action(async (name: string | undefined, { config }: { config: string[] }) => {
      const { components } = await import('./components.ts')
      process.exitCode = await components(name, config)
    })
  program
    .command('schema')
    .description('print the JSON Schema of the configuration, for editors')
    .option('--config <file>', 'also the plugins that this file loads; repeatable', collect, [])
    .action(async ({ config }: { config: string[] }) => {
      const { schema } = await import('./schema.ts')
      process.exitCode = await schema(config)
    })
  program
    .command('certs')
    .description('make a throw-away CA and the certificates of every role, for trying and tests')
    .argument('<dir>', 'folder to write to; made when missing')
    .option('--days <n>', 'validity in days', '30')
    .action(async (dir: string, options: { days: string }) => {
      const { certs } = await import('./certs.ts')
      process.exitCode = await certs(dir, Number(options.days))
    })
  addSend(program)
  addDrain(program)
  program
    .command('version')
    .description('print the version')
    .action(() => void process.stdout.write(`tailrace ${version()}\n`))
  return program
}

interface RunFlags {
  config: string[]
  set: string[]
  logFormat?: string
  featureGates?: string
}

function addSend(program: Command): void {
  const send = program.command('send').description('send one envelope to a loggregator ingress, for trying')
  const kinds = {
    log: { usage: '<text>', about: 'a log line' },
    counter: { usage: '<name> [delta]', about: 'a counter' },
    gauge: { usage: '<name> <value> [unit]', about: 'a gauge' },
    timer: { usage: '<name> <milliseconds>', about: 'a timer that ends now' },
    event: { usage: '<title> <body>', about: 'an event' },
  }
  for (const [kind, { usage, about }] of Object.entries(kinds)) {
    send
      .command(`${kind} ${usage}`)
      .description(about)
      .option('--to <host:port>', 'ingress to send to', '127.0.0.1:3458')
      .option('--certs <dir>', 'folder of `tailrace certs`: ca.crt, client.crt, client.key')
      .option('--ca <file>', 'CA of the server')
      .option('--cert <file>', 'own certificate')
      .option('--key <file>', 'key of the own certificate')
      .option('--server-name <name>', 'name that the certificate of the server must carry', 'metron')
      .option('--source-id <id>', 'source id', 'tailrace-send')
      .option('--instance-id <id>', 'instance id', '0')
      .option('--tag <key=value>', 'a tag; repeatable', collect, [])
      .option('--stderr', 'log: the line came from stderr')
      .action(async (...args: unknown[]) => {
        const { send } = await import('./send.ts')
        const command = args.at(-1) as Command
        process.exitCode = await send(kind, command.args, command.opts())
      })
  }
}

function addDrain(program: Command): void {
  program
    .command('drain')
    .description('look after syslog drains')
    .command('check <url>')
    .description('try a drain URL step by step and say what is wrong with it')
    .option('--ca <file>', 'CA of the server, as the service binding has it')
    .option('--cert <file>', 'client certificate')
    .option('--key <file>', 'key of the client certificate')
    .option('--deny <ranges>', 'addresses drains may not have: 10.0.0.0-10.0.255.255,169.254.0.0/16', '')
    .option('--timeout <duration>', 'for each step', '10s')
    .option('--send', 'also send one test line')
    .option('--insecure', 'go on when the certificate cannot be trusted')
    .option('--json', 'print the result as JSON')
    .action(async (url: string, options: DrainCheckFlags) => {
      const { drainCheck } = await import('./drain-check.ts')
      process.exitCode = await drainCheck(url, options)
    })
}

const collect = (value: string, all: string[]): string[] => [...all, value]

function exitCodeOf(error: unknown): number {
  const { code, exitCode, message } = error as { code?: string; exitCode?: number; message?: string }
  if (code?.startsWith('commander.')) return exitCode === 0 ? ExitCode.ok : ExitCode.usage
  process.stderr.write(`tailrace: ${message ?? String(error)}\n`)
  return ExitCode.failed
}
