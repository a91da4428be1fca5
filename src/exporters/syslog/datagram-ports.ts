import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { isIP } from 'node:net'
import { type Address, formatAddress } from '../../net/address.ts'
import { newResolver } from '../../net/resolver.ts'
import { loadUnixDgram, type UnixDgram } from '../../net/unix-datagrams.ts'
import type { Clock } from '../../plugin.ts'
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

/** What we use beyond the type of a listener. */
type Connected = ReturnType<UnixDgram['createSocket']> & {
  on(event: 'writable', listener: () => void): void
  send(message: Buffer, done: (error?: NodeJS.ErrnoException) => void): void
}

/** By a local datagram socket. When its reader is slow, datagrams wait for it: nothing is dropped on the way. */
export async function unixgramPort(path: string): Promise<DatagramPort> {
  const socket = loadUnixDgram().createSocket('unix_dgram') as Connected
  await new Promise<void>((resolve, reject) => {
    socket.on('error', (error) => {
      socket.close()
      reject(new Error(`${path}: ${error.message}`, { cause: error }))
    })
    socket.on('connect', () => resolve())
    socket.connect(path)
  })
  const waiting: { message: Buffer; done: (error: Error | undefined) => void }[] = []
  const put = (message: Buffer, done: (error: Error | undefined) => void) =>
    socket.send(message, (error) => {
      // `congestion`: the datagram was not taken.
      if (error?.message === 'congestion') waiting.unshift({ message, done })
      else done(error)
    })
  socket.on('writable', () => {
    for (let left = waiting.length; left > 0; left--) {
      const { message, done } = waiting.shift()!
      const before = waiting.length
      put(message, done)
      if (waiting.length > before) return
    }
  })
  return {
    send(message, done) {
      if (waiting.length > 0) waiting.push({ message, done })
      else put(message, done)
    },
    close() {
      socket.close()
      for (const { done } of waiting.splice(0)) done(new Error(`${path}: closed`))
    },
  }
}
