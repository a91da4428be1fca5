import type { DropReason } from '../../plugin.ts'

/** What a loss in front of a drain comes from, for its owner. */
const words: Partial<Record<DropReason, string>> = {
  displaced: 'the drain reads more slowly than the application logs',
  unfair_share: 'the drain reads more slowly than all applications log, and this one logs most',
  queue_full: 'the drain reads more slowly than the application logs',
  memory: 'too many drains read too slowly at the same time',
  retries_exhausted: 'the drain could not be reached, or refused them, again and again',
  storage: 'the disk of the agent took no more',
  corrupt: 'the disk of the agent has damaged them',
  expired: 'the drain was away for too long',
  removed: 'an operator removed them',
  not_representable: 'the message cannot be written as syslog',
  too_large: 'the message is larger than a drain may hold',
  no_destination: 'the drain was removed while it could not be reached',
  shutdown: 'the agent was stopped',
}

export const lossWords = (reason: DropReason): string => words[reason] ?? reason
