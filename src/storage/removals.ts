import type { Log } from '../runtime/log.ts'
import type { Disk } from './disk.ts'
import { codeOf } from './failures.ts'
import type { Quarantine } from './quarantine.ts'
import type { Segment } from './segments.ts'

/** Takes files of a queue away. What the disk could not read of them is kept. */
export class Removals {
  private readonly disk: Disk
  private readonly quarantine: Quarantine
  private readonly log: Log
  private readonly running = new Set<Promise<void>>()

  constructor(disk: Disk, quarantine: Quarantine, log: Log) {
    this.disk = disk
    this.quarantine = quarantine
    this.log = log
  }

  /** In the background. */
  later(segment: Segment): void {
    if (this.putAside(segment)) return
    const removal = this.disk.remove(segment.path).catch((error) => this.failed(segment, error))
    this.running.add(removal)
    void removal.then(() => this.running.delete(removal))
  }

  /** Because its room is needed. */
  now(segment: Segment): void {
    if (this.putAside(segment)) return
    try {
      this.disk.removeNow(segment.path)
    } catch (error) {
      this.failed(segment, error)
    }
  }

  /** Resolves when none is under way. */
  async ended(): Promise<void> {
    await Promise.all(this.running)
  }

  private putAside({ unreadable, path }: Segment): boolean {
    if (unreadable) this.quarantine.move(unreadable, path)
    return unreadable !== undefined
  }

  private failed({ path }: Segment, error: unknown): void {
    // Somebody else was faster.
    if (codeOf(error) === 'ENOENT') return
    this.log.warn('cannot remove a file of the queue', { file: path, error: String(error) })
  }
}
