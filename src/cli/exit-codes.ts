/** How the process ends; `tailrace --help` documents them. */
export const ExitCode = {
  ok: 0,
  /** Could not start, or a command failed. */
  failed: 1,
  /** The command line was wrong. */
  usage: 2,
  /** The configuration was wrong (EX_CONFIG of sysexits). */
  config: 78,
} as const
