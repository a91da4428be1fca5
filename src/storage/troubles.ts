import type { Log } from '../runtime/log.ts'

/** What a queue does with its disk. */
export type DiskWork = 'append' | 'sync' | 'read'

/** What the disk of a queue fails at: the first of a series of failures is told, and its end. */
export class Troubles {
  private readonly log: Log
  private readonly messages = new Map<DiskWork, string>()

  constructor(log: Log) {
    this.log = log
  }

  /** The gravest. */
  get message(): string | undefined {
    const { messages } = this
    return messages.get('append') ?? messages.get('sync') ?? messages.get('read')
  }

  failed(what: DiskWork, error: unknown): void {
    const { message } = error as Error
    if (!this.messages.has(what)) this.log.error('the disk of the queue fails', { error: message })
    this.messages.set(what, message)
  }

  worked(what: DiskWork): void {
    const was = this.messages.get(what)
    if (was === undefined) return
    this.messages.delete(what)
    this.log.info('the disk of the queue works again', { was })
  }
}
