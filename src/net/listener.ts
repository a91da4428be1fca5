import { createServer, type Server, type Socket } from 'node:net'
import { currentOwner, type Promised, promised } from '../runtime/handover.ts'
import { type Address, formatAddress } from './address.ts'
import { takeInherited } from './inherited-sockets.ts'

/** The right to a listening socket. `release` closes it, unless somebody took it over meanwhile. */
export interface Lease {
  /** Where it is bound: the port is the real one when 0 was asked for. */
  readonly address: Address
  release(): Promise<void>
}

export interface AcquireOptions {
  onConnection: (socket: Socket) => void
  /** Take the socket from whoever holds it in this process, without closing it: connections go to the new owner from now on. */
  takeOver?: boolean
  /** Lets several processes share the port; only set it with more than one worker. */
  reusePort?: boolean
}

interface Entry {
  server: Server
  address: Address
  owner: AcquireOptions
  /** On whose behalf it is held: see runtime/handover.ts. */
  by: string | undefined
  /** To whoever gets it when the handover that is open is completed. */
  promise: Promised | undefined
}

/** As in Go: a peer whose machine died does not stay connected for ever. */
const TCP_KEEPALIVE_MS = 15_000

/** Listening sockets of this process by address, so that a reload hands them on unclosed. */
const entries = new Map<string, Entry>()
const opening = new Set<string>()

/** Whether a listener of this process has this address. */
export const holdsTcp = (address: Address): boolean => entries.has(formatAddress(address))

/** Binds `address` (port 0: any). Rejects with a sentence that says who may hold the port and what to do. */
export async function acquire(address: Address, options: AcquireOptions): Promise<Lease> {
  const key = formatAddress(address)
  const held = entries.get(key)
  if (held && options.takeOver) {
    held.owner = options
    return lease(held, options)
  }
  const coming = held && !held.promise?.isOpen && promiseOf(held, options)
  if (coming) return coming
  if (held || opening.has(key))
    throw new Error(`${key} is in use; another component of this agent listens there already`)
  if (address.port !== 0) opening.add(key)
  try {
    const entry = await open(address, options)
    entries.set(formatAddress(entry.address), entry)
    return lease(entry, options)
  } finally {
    opening.delete(key)
  }
}

/** The socket of one who leaves: connections go to the new owner when the handover is completed. */
function promiseOf(entry: Entry, options: AcquireOptions): Lease | undefined {
  const by = currentOwner()
  const promise = promised(entry.by, () => void Object.assign(entry, { owner: options, by }))
  if (!promise) return undefined
  entry.promise = promise
  return lease(entry, options, promise)
}

function lease(entry: Entry, owner: AcquireOptions, promise?: Promised): Lease {
  const key = formatAddress(entry.address)
  return {
    address: entry.address,
    release: () => {
      promise?.takeBack()
      if (entry.owner !== owner || entries.get(key) !== entry) return Promise.resolve()
      entries.delete(key)
      return new Promise((resolve) => {
        // Resolves once the port is free: `close` would wait for open connections, which their owner ends.
        entry.server.close()
        setImmediate(resolve)
      })
    },
  }
}

function open({ host, port }: Address, owner: AcquireOptions): Promise<Entry> {
  return new Promise((resolve, reject) => {
    const server = createServer(
      { noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_MS },
      (socket) => {
        socket.on('error', ignored)
        entry.owner.onConnection(socket)
      },
    )
    const entry: Entry = { server, address: { host, port }, owner, by: currentOwner(), promise: undefined }
    server.once('error', (error) => reject(bindError(error, { host, port })))
    const fd = takeInherited('tcp', { host, port })
    const where = fd === undefined ? { host: host || '::', port, reusePort: owner.reusePort ?? false } : { fd }
    server.listen(where, () => {
      server.removeAllListeners('error')
      // EMFILE and the like: the connection is lost, the listener is not.
      server.on('error', ignored)
      const bound = server.address()
      if (bound && typeof bound === 'object') entry.address = { host, port: bound.port }
      resolve(entry)
    })
  })
}

function ignored(): void {}

/** The reason why an address could not be bound, as a sentence with a remedy. */
export function bindError(error: NodeJS.ErrnoException, address: Address): Error {
  const where = formatAddress(address)
  const text =
    error.code === 'EADDRINUSE'
      ? `${where} is in use; another process listens there (perhaps a second agent): stop it or choose another port`
      : error.code === 'EACCES'
        ? `${where} may not be bound: ports below 1024 need privileges; choose another port or grant CAP_NET_BIND_SERVICE`
        : error.code === 'EADDRNOTAVAIL'
          ? `${where} is no address of this machine; 0.0.0.0 listens on every interface`
          : `failed to listen on ${where}: ${error.message}`
  return new Error(text, { cause: error })
}
