// Without a handler this signal would open a debugger port. (Node's flag against that blocks the signal altogether.)
process.on('SIGUSR1', () => {})

const { main } = await import('./cli/program.ts')
await main(process.argv)
// A handle that somebody forgot must not keep a finished process alive.
setTimeout(() => process.exit(), 500).unref()
