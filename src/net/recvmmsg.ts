import { openLibc } from './libc.ts'

/** Takes one datagram, whose bytes are lent for the time of the call. */
export type TakePacket = (packet: Buffer) => void

/**
 * Reads up to `mostPerRead` waiting datagrams of the socket `fd` with one system call; answers how many there were,
 * 0 also when reading fails. Nothing is allocated for them, so `take` must copy what it keeps.
 */
export type ReadMany = (fd: number, take: TakePacket) => number

export const mostPerRead = 64

/** A datagram has 65,507 bytes at most; the odd rest keeps the rooms from sharing the same lines of the CPU's cache. */
const roomBytes = (64 << 10) + 576
/** Linux with 64-bit pointers: struct mmsghdr, struct iovec. */
const headerBytes = 64
const vectorBytes = 16
const MSG_DONTWAIT = 0x40

type Ffi = NonNullable<ReturnType<typeof openLibc>>

/**
 * recvmmsg(2), or undefined where it cannot be called: then Node's own reading, one system call and one ArrayBuffer a
 * datagram, has to do. docs/decisions/0005-datagrams-in-bursts.md has the figures.
 */
export function openRecvmmsg(): ReadMany | undefined {
  const ffi = openLibc()
  try {
    return ffi && newReadMany(ffi)
  } catch {
    return undefined
  }
}

function newReadMany(ffi: Ffi): ReadMany {
  const { recvmmsg } = ffi.dlopen(null, {
    recvmmsg: { arguments: ['i32', 'buffer', 'u32', 'i32', 'pointer'], return: 'i32' },
  }).functions
  const rooms = Buffer.allocUnsafeSlow(mostPerRead * roomBytes)
  const vectors = new BigUint64Array(new ArrayBuffer(mostPerRead * vectorBytes))
  const headers = Buffer.from(new ArrayBuffer(mostPerRead * headerBytes))
  const words = new BigUint64Array(headers.buffer)
  const lengths = new Uint32Array(headers.buffer)
  for (let i = 0; i < mostPerRead; i++) {
    // Each vector is the address and the size of a room; each header points to its vector and says that it is one.
    vectors[i * 2] = ffi.getRawPointer(rooms) + BigInt(i * roomBytes)
    vectors[i * 2 + 1] = BigInt(roomBytes)
    words[i * 8 + 2] = ffi.getRawPointer(vectors) + BigInt(i * vectorBytes)
    words[i * 8 + 3] = 1n
  }
  let busy = false
  const readMany: ReadMany = (fd, take) => {
    // Who is called for a datagram must not have the rest overwritten.
    if (busy) return 0
    busy = true
    try {
      const count = recvmmsg(fd, headers, mostPerRead, MSG_DONTWAIT, 0n)
      for (let i = 0; i < count; i++) {
        const start = i * roomBytes
        take(rooms.subarray(start, start + lengths[i * 16 + 14]!))
      }
      return Math.max(0, count)
    } finally {
      busy = false
    }
  }
  // The kernel writes to what only the numbers above point to: without this the collector would take it away.
  keptForGood.push(rooms, vectors, headers)
  return readMany
}

const keptForGood: unknown[] = []
