/** Why records are lost: a closed list, so that every loss has a name people can look up (docs/losses.md). */
export const dropReasons = {
  malformed: 'the bytes were not a record of their protocol',
  rule: 'a processor was configured to drop them',
  not_representable: 'the next format cannot express them',
  too_large: 'one record is larger than the peer accepts',
  queue_full: 'the queue was full and its policy drops the newest',
  displaced: 'the queue was full and its policy drops the oldest',
  unfair_share: 'their source had filled its share of a queue that was half full',
  memory: 'the memory budget was used up',
  storage: 'the disk of a queue could not take them',
  corrupt: 'their bytes in the queue on disk were damaged',
  removed: 'an operator removed them from the queue on disk',
  rejected: 'the peer answered that it will not take them',
  retries_exhausted: 'the peer could not be reached within the allowed retries or time',
  connection: 'the connection broke while they were on their way',
  no_destination: 'no destination was configured or could be found',
  shutdown: 'the process stopped before they could be sent',
  socket_overflow: 'the kernel dropped datagrams before they could be read',
  series_limit: 'the table of series was full',
  expired: 'they were held past their time',
  fault: 'a component failed while it handled them, which is a bug of the component',
} as const

export type DropReason = keyof typeof dropReasons
