/** Runs until it ends by itself, or Ctrl-C or SIGTERM aborts the signal. */
export async function untilInterrupted(run: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController()
  const end = () => controller.abort()
  process.on('SIGINT', end)
  process.on('SIGTERM', end)
  // Whoever read our output may go away, as `head` does.
  process.stdout.on('error', end)
  try {
    await run(controller.signal)
  } catch (error) {
    if (!controller.signal.aborted) throw error
  } finally {
    process.off('SIGINT', end)
    process.off('SIGTERM', end)
  }
}
