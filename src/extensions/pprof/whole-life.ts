import { writeFile } from 'node:fs/promises'
import { Session } from 'node:inspector/promises'

/** Begins a CPU profile; `save` ends it and writes it as a .cpuprofile. */
export async function startProfile(): Promise<{ save(file: string): Promise<void> }> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.start')
  return {
    async save(file) {
      const { profile } = await session.post('Profiler.stop')
      session.disconnect()
      await writeFile(file, JSON.stringify(profile))
    },
  }
}
