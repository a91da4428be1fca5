import type { DropReason } from '../delivery/reasons.ts'

/** How to mend a loss, in a sentence or two: docs/losses.md in short. */
export const advice: Readonly<Record<DropReason, string>> = {
  malformed: 'Look at who sends: the samples show what came. Only the broken records are lost.',
  rule: 'Nothing is wrong if that is meant: a condition, a sampler or a switch of the configuration drops them.',
  not_representable: 'Send them to an exporter that takes their format, or change them before.',
  too_large:
    'Raise `max_message_size` here and at the peer if such records should pass, or make the sender split them.',
  queue_full:
    'The destination is slower than what comes: look at it first. A larger `sending_queue.queue_size` bridges a pause, not a lasting difference.',
  displaced:
    'The destination is slower than what comes: look at it first. A larger `sending_queue.queue_size` bridges a pause, not a lasting difference.',
  unfair_share:
    'One source floods and loses its surplus, so that its neighbours lose nothing: ask its owner to log less, or make the queue larger.',
  memory:
    'The process may not hold more: raise `service.memory_limit` (or `max_memory` of the exporter), or find the destination that is slow.',
  storage: 'Look at the disk of the queue: full, read-only or broken. The log has the error.',
  corrupt: 'Bytes of the queue on disk were damaged, and are kept in quarantine: see `tailrace queue verify`.',
  removed: 'An operator removed them from the queue on disk.',
  rejected:
    'The peer refuses them for good: its words stand with the samples and in the log. Mend what it complains of.',
  retries_exhausted:
    'The peer could not be reached for too long: check the way there. `retry_on_failure.max_elapsed_time` says how long is tried.',
  connection: 'The connection broke on the way and this exporter repeats nothing: look at the peer, or let it retry.',
  no_destination: 'No destination was configured or found: check addresses, port files and names.',
  shutdown: 'The process stopped before they were sent: raise `service.shutdown_timeout`, or queue on disk.',
  socket_overflow: 'Datagrams came faster than they were read: raise `net.core.rmem_max`, or send in smaller bursts.',
  series_limit: 'Find the tag that has a new value each time, or raise the limit.',
  expired: 'They waited longer than the configuration allows.',
  fault: 'That is a bug of the component: please report it, the log has the error.',
}
