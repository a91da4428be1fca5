const exclusive = 2
const nonBlocking = 4

/** Takes the lock of an open file for as long as it is open: false when somebody has it. */
export type Flock = (fd: number) => boolean

let cached: Flock | false | undefined

/**
 * flock(2) without waiting: true when the lock was got. The kernel gives it back when the process ends, however it ends.
 * Undefined where `node:ffi` is missing (Node below 26.1) or does not do what is expected of it.
 */
export function openFlock(): Flock | undefined {
  cached ??= found() ?? false
  return cached || undefined
}

function found(): Flock | undefined {
  if (process.platform === 'win32') return undefined
  try {
    const ffi = process.getBuiltinModule('node:ffi')
    if (!ffi) return undefined
    const { abs, flock } = ffi.dlopen(null, {
      abs: { arguments: ['i32'], return: 'i32' },
      flock: { arguments: ['i32', 'i32'], return: 'i32' },
    }).functions
    // A signature that is not understood makes calls without arguments.
    if (abs(-71) !== 71 || abs(-1972) !== 1972) return undefined
    return (fd) => flock(fd, exclusive | nonBlocking) === 0
  } catch {
    return undefined
  }
}
