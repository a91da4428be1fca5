import { Command, CommanderError, Option } from 'commander'
import type { GateChoice } from '../config/feature-gates.ts'
import type { AgentFlags } from './admin-client.ts'
import type { DrainCheckFlags } from './drain-check.ts'
import { ExitCode } from './exit-codes.ts'
import type { PrintFlags } from './print-config.ts'
import { addQueue } from './queue-program.ts'
import type { ReloadFlags } from './reload-command.ts'
import type { RunOptions } from './run.ts'
import type { StatusFlags } from './status.ts'
import type { TapFlags } from './tap.ts'
import type { TopFlags } from './top.ts'
import { version } from './version.ts'
import type { WhyFlags } from './why.ts'

const exitCodes = `
A Collector's command line works as it is: tailrace --config FILE --set key=value --feature-gates a,-b

Exit codes:
  0   done, or stopped by a signal after everything was settled
  1   could not start, or a command failed
  2   the command line was wrong
  78  the configuration was wrong (every problem is listed)`

/** Runs the command line. Nothing below this layer ends the process. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = newProgram()
  try {
    await program.parseAsync(asCollector(argv))
  } catch (error) {
    process.exitCode = exitCodeOf(error)
  }
}

/** A Collector is run without a command: `tailrace --config otel.yaml` means `tailrace run --config otel.yaml`. */
function asCollector(argv: readonly string[]): string[] {
  const [node = '', script = '', first = '', ...rest] = argv
  const flag = /^--(config|set|feature-gates|log-format)(=|$)/.test(first)
  if (!flag) return [...argv]
  // The flags may also stand before the command.
  const command = rest.findIndex(
    (each, i) => afterFlags.has(each) && !/^--[a-z-]+$/.test(i === 0 ? first : rest[i - 1]!),
  )
  if (command < 0) return [node, script, 'run', first, ...rest]
  return [node, script, rest[command]!, first, ...rest.toSpliced(command, 1)]
}

const afterFlags = new Set(['validate', 'check', 'print-config', 'print-initial-config', 'run'])

/** `tailrace queue peek DIR | head`: who has read enough is no failure. An agent that runs goes on without its reader. */
function endUnread(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(ExitCode.ok)
  throw error
}

function newProgram(): Command {
  // Before the subcommands, which inherit it: a wrong command line ends with our exit code.
  const program = new Command('tailrace').exitOverride()
  program
    .description('Loggregator and OpenTelemetry in one agent: receivers, processors, exporters over one engine.')
    .version(`tailrace ${version()}`, '-v, --version')
    .addHelpText('after', exitCodes)
    .showHelpAfterError('(tailrace --help lists the commands)')
    .hook('preAction', (_, command) => void (command.name() === 'run' || process.stdout.on('error', endUnread)))
  addConfigured(program)
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
  program
    .command('migrate')
    .description("say what of a Collector's file is known here, and print the file that runs here")
    .argument('<file>', 'the YAML of a Collector')
    .option('-o, --output <file>', 'write the new file there instead of the standard output')
    .action(async (file: string, { output }: { output?: string }) => {
      const { migrate } = await import('./migrate.ts')
      process.exitCode = await migrate(file, output)
    })
  addWatching(program)
  addSend(program)
  addDrain(program)
  addQueue(program)
  program
    .command('version')
    .description('print the version')
    .action(() => void process.stdout.write(`tailrace ${version()}\n`))
  return program
}

interface ConfigFlags {
  config: string[]
  set: string[]
  featureGates: string[]
}

/** The Collector's says nothing when all is well. */
const checks = [
  ['check', 'report every problem of the configuration without starting anything'],
  ['validate', 'the same, silent when there is none: what a Collector calls it'],
] as const

/** Commands that read a configuration take it as the Collector does: files, locations, settings, gates. */
function configured(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .argument('[files...]', 'YAML files, merged in order')
    .option('--config <location>', 'PATH, file:PATH, yaml:TEXT or env:NAME; repeatable, later ones win', collect, [])
    .option(
      '--set <key=value>',
      'overrides one setting, e.g. receivers.statsd.endpoint=127.0.0.1:8126; repeatable',
      collect,
      [],
    )
    .option('--feature-gates <gates>', 'a,-b,+c as in the Collector; unknown ones warn; repeatable', collect, [])
}

function addConfigured(program: Command): void {
  configured(program, 'run', 'run the pipelines of the configuration until a signal stops it')
    .addOption(
      new Option(
        '--log-format <format>',
        'how the agent writes its own log; default: as the configuration says',
      ).choices(['text', 'json']),
    )
    .option('--watch', 'reload when a file of the configuration changes')
    .option('--pid-file <file>', 'write the id of the process there while everything runs')
    .action(async (files: string[], options: ConfigFlags & Pick<RunOptions, 'logFormat' | 'watch' | 'pidFile'>) => {
      const [{ run }, gates] = await Promise.all([import('./run.ts'), gatesOf(options)])
      process.exitCode = await run([...files, ...options.config], { ...options, gates })
    })
  const about = 'have the running agent read its configuration anew: what has not changed goes on untouched'
  asking(program, 'reload', about)
    .argument('[pid]', 'id of a process to signal, instead of asking through the admin socket')
    .option('--pid-file <file>', 'what `tailrace run --pid-file` wrote')
    .action(async (pid: string | undefined, flags: ReloadFlags & AgentFlags) => {
      if (pid === undefined && flags.pidFile === undefined) {
        const { askReload } = await import('./ask-reload.ts')
        process.exitCode = await askReload(flags)
        return
      }
      const { signalReload } = await import('./reload-command.ts')
      process.exitCode = signalReload(pid, flags)
    })
  for (const [name, about] of checks)
    configured(program, name, about).action(async (files: string[], options: ConfigFlags) => {
      const [{ check }, gates] = await Promise.all([import('./check.ts'), gatesOf(options)])
      process.exitCode = await check([...files, ...options.config], options.set, gates, name === 'validate')
    })
  configured(program, 'print-config', 'print the configuration as it is after merging and substitution')
    .alias('print-initial-config')
    .option('--mode <mode>', 'redacted or unredacted: whether secrets are masked', 'redacted')
    .option('--format <format>', 'yaml or json', 'yaml')
    .option('--validate [bool]', 'false: print it also when it is wrong', 'true')
    .action(async (files: string[], options: ConfigFlags & PrintFlags) => {
      const [{ printConfig }, gates] = await Promise.all([import('./print-config.ts'), gatesOf(options)])
      process.exitCode = await printConfig([...files, ...options.config], options.set, { ...options, gates })
    })
  program
    .command('featuregate')
    .description('list the feature gates that change something here, or show one')
    .argument('[id]', 'e.g. confmap.enableMergeAppendOption')
    .action(async (id: string | undefined) => {
      const { featuregate } = await import('./featuregate.ts')
      process.exitCode = featuregate(id)
    })
}

/** Reads `--feature-gates`; an item without a name is a wrong command line. */
async function gatesOf({ featureGates }: ConfigFlags): Promise<GateChoice> {
  const { readFeatureGates } = await import('../config/feature-gates.ts')
  const gates = readFeatureGates(featureGates)
  if (gates.fault === undefined) return gates
  process.stderr.write(`error: ${gates.fault}\n(tailrace --help lists the commands)\n`)
  throw new CommanderError(ExitCode.usage, 'commander.invalidArgument', gates.fault)
}

/** Commands that ask a running agent take it by its socket, its process or its port. */
function asking(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option(
      '--admin <where>',
      'its admin socket, a folder of sockets, or https://host:port; default: TAILRACE_ADMIN, or where agents put theirs',
    )
    .option('--pid <process>', 'its process id, where several agents run')
    .option('--ca <file>', 'for https: who signs the agent')
    .option('--cert <file>', 'for https: own certificate')
    .option('--key <file>', 'for https: key of the own certificate')
}

function addWatching(program: Command): void {
  asking(program, 'status', 'show what the running agent does: components, pipelines, records')
    .option('--json', 'as JSON')
    .action(async (options: StatusFlags) => {
      const { status } = await import('./status.ts')
      process.exitCode = await status(options)
    })
  asking(program, 'why', 'say what the running agent lost, where, why, since when, and how to mend it')
    .option('--source-id <id>', 'only what is known of this source (application)')
    .option('--component <id>', 'only there: otlp, or exporter/otlp')
    .option('--json', 'as JSON')
    .action(async (options: WhyFlags) => {
      const { why } = await import('./why.ts')
      process.exitCode = await why(options)
    })
  asking(program, 'top', 'a live table of the components of the running agent')
    .addOption(new Option('--sort <column>', 'what comes first').choices(sortKeys).default('way'))
    .option('--interval <seconds>', 'between two looks, 0.2 to 60', '1')
    .option('-b, --batch', 'plain text, table after table')
    .option('-n, --times <n>', 'so many tables, then end')
    .option('--json', 'as JSON, one line a look')
    .action(async (options: TopFlags) => {
      const { top } = await import('./top.ts')
      process.exitCode = await top(options)
    })
  asking(program, 'tap', 'show records that pass a point of the running agent, secrets masked')
    .argument('<id>', 'what comes out of a receiver or processor, or goes into an exporter: statsd, exporter/otlp')
    .option('--source-id <id>', 'only records of this source (application)')
    .option('--grep <text>', 'only records with this text in a line, name or tag')
    .option('--rate <n>', 'records a second at most, 1 to 1000', '50')
    .option('--tags', 'a second line with source and tags')
    .option('--json', 'as JSON, one record a line')
    .action(async (id: string, options: TapFlags) => {
      const { tap } = await import('./tap.ts')
      process.exitCode = await tap(id, options)
    })
}

/** The columns of `top`, which is loaded when it is called. */
const sortKeys = ['way', 'name', 'in', 'out', 'lost', 'waiting', 'full', 'time', 'cpu']

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
