import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { closeSync, writeSync } from 'node:fs'
import { isIP } from 'node:net'
import { type Address, formatAddress } from '../../net/address.ts'
import { newResolver } from '../../net/resolver.ts'
import { openUnixSockets } from '../../net/unix-sockets.ts'
import type { Clock } from '../../plugin.ts'
import type { Timer } from '../../runtime/clock.ts'
import type { DatagramPort } from './datagram-sender.ts'

/** By UDP to the first address of the host. `refused` is told when nobody listened for an earlier datagram. */
export function udpOpener(
  { host, port }: Address,
  timeoutMs: number,
  clock: Clock,
  refused: (text: string) => void,
): () => Promise<DatagramPort> {
  const resolver = newResolver({ timeoutMs, clock })
  return async () => {
    const [ip] = await resolver.resolve(host)
    const socket = createSocket(isIP(ip!) === 6 ? 'udp6' : 'udp4')
    // Comes with the next datagram too, which can be sent again.
    socket.on('error', () => {})
    socket.connect(port, ip!)
    await once(socket, 'connect')
    const where = formatAddress({ host: ip!, port })
    return {
      send(message, done) {
        socket.send(message, (error) => {
          if ((error as NodeJS.ErrnoException | null)?.code !== 'ECONNREFUSED') return done(error ?? undefined)
          refused(`nobody listens at ${where}: datagrams are lost`)
          socket.send(message, (again) => {
            const isRefusal = (again as NodeJS.ErrnoException | null)?.code === 'ECONNREFUSED'
            done(isRefusal ? undefined : (again ?? undefined))
          })
        })
      },
      close: () => socket.close(),
    }
  }
}

/** How soon a full reader is tried again. */
const againMs = 5

/** By a local datagram socket. When its reader is slow, datagrams wait for it: nothing is dropped on the way. */
export function unixgramPort(path: string, clock: Clock): DatagramPort {
  const fd = openUnixSockets().connect(path)
  if (fd === undefined) throw new Error(`${path}: nobody reads this socket, or we may not write to it`)
  const waiting: { message: Buffer; done: (error: Error | undefined) => void }[] = []
  let timer: Timer | undefined
  /** Whether it left, or never will. */
  const put = (message: Buffer, done: (error: Error | undefined) => void): boolean => {
    let failure: NodeJS.ErrnoException | undefined
    try {
      writeSync(fd, message)
    } catch (error) {
      failure = error as NodeJS.ErrnoException
    }
    if (failure?.code === 'EAGAIN') return false
    done(failure)
    return true
  }
  const again = () => {
    timer = undefined
    while (waiting[0] && put(waiting[0].message, waiting[0].done)) waiting.shift()
    if (waiting.length > 0) timer = clock.after(againMs, again)
  }
  return {
    send(message, done) {
      if (waiting.length === 0 && put(message, done)) return
      waiting.push({ message, done })
      timer ??= clock.after(againMs, again)
    },
    close() {
      timer?.cancel()
      closeSync(fd)
      for (const { done } of waiting.splice(0)) done(new Error(`${path}: closed`))
    },
  }
}
