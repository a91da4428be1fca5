import { accessSync, closeSync, constants } from 'node:fs'
import { dirname } from 'node:path'
import { openLibc } from './libc.ts'

/** Datagram sockets of this machine, which Node has none of. Descriptors are the caller's to close. */
export interface UnixSockets {
  /** A socket bound to `path`, which must be free. Throws a sentence. */
  listen(path: string): number
  /** A socket connected to whoever reads `path` (`@name`: an abstract one), never blocking on write; undefined when nobody does. */
  connect(path: string): number | undefined
  /** Ends reads that wait for a datagram: they answer zero bytes. */
  wake(fd: number): void
}

/** Linux: values of <sys/socket.h>, struct sockaddr_un. */
const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const SHUT_RD = 0
/** With the zero byte at its end. */
const mostPathBytes = 108

/** Throws a sentence where such sockets cannot be had. */
export function openUnixSockets(): UnixSockets {
  const ffi = openLibc()
  if (!ffi)
    throw new Error(
      'local datagram sockets need Linux on x64 or arm64 and a Node.js with node:ffi (26.1 or newer, not switched off by ' +
        '--no-experimental-ffi): let the sender use UDP instead',
    )
  const { socket, bind, connect, shutdown } = ffi.dlopen(null, {
    socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
    bind: { arguments: ['i32', 'buffer', 'u32'], return: 'i32' },
    connect: { arguments: ['i32', 'buffer', 'u32'], return: 'i32' },
    shutdown: { arguments: ['i32', 'i32'], return: 'i32' },
  }).functions
  const open = (flags: number) => {
    const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | flags, 0)
    if (fd < 0) throw new Error('no local socket could be made: too many open files?')
    return fd
  }
  return {
    listen(path) {
      const address = addressOf(path)
      const fd = open(0)
      if (bind(fd, address, address.length) === 0) return fd
      closeSync(fd)
      throw new Error(`failed to listen on ${path}: ${whyNot(path)}`)
    },
    connect(path) {
      const address = addressOf(path)
      const fd = open(SOCK_NONBLOCK)
      if (connect(fd, address, address.length) === 0) return fd
      closeSync(fd)
      return undefined
    },
    wake: (fd) => void shutdown(fd, SHUT_RD),
  }
}

function addressOf(path: string): Buffer {
  if (path.startsWith('@')) return abstractAddress(path.slice(1))
  const bytes = Buffer.byteLength(path) + 1
  if (bytes > mostPathBytes)
    throw new Error(`${path}: the path of a local socket has ${mostPathBytes - 1} bytes at most`)
  const address = Buffer.alloc(2 + bytes)
  address.writeUInt16LE(AF_UNIX)
  address.write(path, 2)
  return address
}

/** A name without a file: its first byte is zero, its end is the end of the address. */
function abstractAddress(name: string): Buffer {
  const address = Buffer.alloc(3 + Math.min(Buffer.byteLength(name), mostPathBytes - 1))
  address.writeUInt16LE(AF_UNIX)
  address.write(name, 3)
  return address
}

function whyNot(path: string): string {
  try {
    accessSync(dirname(path), constants.W_OK)
    return 'the path is taken'
  } catch (error) {
    return (error as Error).message
  }
}
