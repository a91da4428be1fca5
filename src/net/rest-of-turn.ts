import type { Socket } from 'node:net'

/**
 * Reads nothing more from a connection in this turn of the event loop, then calls back: others have theirs. What one read
 * has brought (64 KiB) is not held back. `pause` would not do: a request of Node's that flows resumes its socket.
 */
export function restOfTurn(socket: Socket, done: () => void): void {
  const { _handle: handle } = socket as Socket & { _handle?: { readStop(): void; readStart(): void } | null }
  handle?.readStop()
  setImmediate(() => {
    // Whoever has paused it meanwhile resumes it.
    if (!socket.destroyed && !socket.isPaused()) handle?.readStart()
    done()
  })
}
