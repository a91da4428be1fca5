import type { Clock, Timer } from '../runtime/clock.ts'
import type { UdpListener } from './udp.ts'

/** Tells of datagrams that the kernel dropped, every second and once more when stopped. */
export interface DropWatch {
  start(): void
  /** Call it while the listener still listens. */
  stop(): void
}

const POLL_MS = 1000

/** `onDrops` gets how many datagrams the kernel dropped since it was last called. */
export function watchKernelDrops(listener: UdpListener, clock: Clock, onDrops: (datagrams: number) => void): DropWatch {
  let seen = 0
  let timer: Timer | undefined
  const look = () => {
    const drops = listener.kernelDrops()
    if (drops > seen) onDrops(drops - seen)
    seen = Math.max(seen, drops)
  }
  const poll = () => {
    timer = clock.after(POLL_MS, () => {
      look()
      poll()
    })
  }
  return {
    start: poll,
    stop() {
      timer?.cancel()
      if (timer) look()
      timer = undefined
    },
  }
}
