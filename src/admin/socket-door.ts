import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { prepareFolder } from './socket-place.ts'

/** A place where the agent can be asked. */
export interface Door {
  /** Where it is, for people. */
  readonly where: string
  start(): Promise<void>
  /** Cuts whoever is still there. */
  stop(): Promise<void>
}

/** Connections at the same time. */
const mostConnections = 32

/** A local socket that only this user can use. `serve` gets every connection. */
export function newSocketDoor(path: string, serve: (socket: Socket) => void): Door {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    serve(socket)
  })
  server.maxConnections = mostConnections
  return {
    where: path,
    async start() {
      prepareFolder(path)
      try {
        await listen(server, path)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
        if (!isSocket(path)) throw new Error(`${path} is there already and is no socket: choose another path`)
        if (await answers(path)) throw new Error(`${path} is taken: another agent answers there`)
        // Its owner died.
        unlinkSync(path)
        await listen(server, path)
      }
      chmodSync(path, 0o600)
      server.on('error', () => {})
    },
    stop: () =>
      new Promise((resolve) => {
        if (!server.listening) return resolve()
        // Takes the file away too.
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

/** Binds within this turn, so that the file never has another mode. */
function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const before = process.umask(0o177)
    try {
      server.listen({ path }, () => {
        server.off('error', reject)
        resolve()
      })
    } finally {
      process.umask(before)
    }
  })
}

/** False also for a link to one. */
export const isSocket = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true

/** Whether somebody takes connections there. */
export function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    const end = (is: boolean) => {
      socket.destroy()
      resolve(is)
    }
    socket.setTimeout(1000, () => end(true))
    socket.on('connect', () => end(true))
    socket.on('error', (error: NodeJS.ErrnoException) => end(!['ECONNREFUSED', 'ENOENT'].includes(error.code ?? '')))
  })
}
