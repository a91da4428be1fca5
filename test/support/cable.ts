import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { freePort } from './free-port.ts'

/** How a cable breaks: see the faults of a `BreakingPeer`. */
type Break = 'cut' | 'reset' | 'lost answers'

/** A TCP relay to `onSocket` that breaks after a number of bytes from the near end. */
export async function newCable(onSocket: (socket: Socket) => void) {
  const inner = createServer(onSocket).listen(0, '127.0.0.1')
  await once(inner, 'listening')
  const ends = new Set<Socket>()
  let left = Number.POSITIVE_INFINITY
  let how: Break = 'cut'

  const relay = (near: Socket) => {
    const far = connect((inner.address() as AddressInfo).port, '127.0.0.1')
    ends.add(near).add(far)
    const over = () => {
      ends.delete(near)
      ends.delete(far)
      near.destroy()
      // What has come so far reaches the peer.
      far.end()
    }
    const breaks = () => {
      left = Number.POSITIVE_INFINITY
      if (how === 'reset') near.resetAndDestroy()
      over()
    }
    for (const end of [near, far]) end.on('error', over).on('close', over)
    near.on('data', (chunk: Buffer) => {
      if (chunk.length < left) {
        left -= chunk.length
        far.write(chunk)
        return
      }
      far.write(chunk.subarray(0, left))
      breaks()
    })
    far.on('data', (chunk) => {
      if (how !== 'lost answers' || left === Number.POSITIVE_INFINITY) near.write(chunk)
    })
  }
  const port = await freePort()
  let outer = createServer(relay).listen(port, '127.0.0.1')
  await once(outer, 'listening')
  return {
    port,
    get whole() {
      return left === Number.POSITIVE_INFINITY
    },
    breakAfter(bytes: number, kind: Break): void {
      how = kind
      left = bytes
      if (kind !== 'lost answers') return
      // Whoever waits for an answer, or for a window, says nothing more.
      const timer = setTimeout(() => {
        if (left === Number.POSITIVE_INFINITY || how !== kind) return
        left = Number.POSITIVE_INFINITY
        for (const end of ends) end.destroy()
      }, 100)
      timer.unref()
    },
    /** Cuts everything and frees the port. */
    async close(): Promise<void> {
      for (const end of ends) end.destroy()
      if (outer.listening) await new Promise((resolve) => outer.close(resolve))
    },
    async open(): Promise<void> {
      if (outer.listening) return
      outer = createServer(relay).listen(port, '127.0.0.1')
      await once(outer, 'listening')
    },
    /** Ends for good. */
    async stop(): Promise<void> {
      await this.close()
      inner.close()
    },
  }
}
