const exclusive = 2
const nonBlocking = 4

let cached: ((fd: number) => boolean) | false | undefined

/**
 * flock(2) without waiting: true when the lock was got. The kernel gives it back when the process ends, however it ends.
 * Undefined where `node:ffi` is missing (Node below 26.1) or does not do what is expected of it.
 */
export function openFlock(): ((fd: number) => boolean) | undefined {
  cached ??= found() ?? false
  return cached || undefined
}

function found(): ((fd: number) => boolean) | undefined {
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
