import { arch, platform } from 'node:process'

type Ffi = typeof import('node:ffi')

let libc: Ffi | false | undefined

/**
 * `node:ffi` for calls into the C library, or undefined where it is missing, or where structs may not be as 64-bit
 * Linux has them. It is experimental: whatever is not as expected turns it off, as `NODE_OPTIONS=--no-experimental-ffi`
 * does.
 */
export function openLibc(): Ffi | undefined {
  libc ??= found() ?? false
  return libc || undefined
}

function found(): Ffi | undefined {
  if (platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64')) return undefined
  try {
    const ffi = process.getBuiltinModule('node:ffi')
    return ffi && speaksC(ffi) ? ffi : undefined
  } catch {
    return undefined
  }
}

/** Whether arguments arrive: a signature that is not understood makes calls without any. */
function speaksC(ffi: Ffi): boolean {
  const { abs, memcmp } = ffi.dlopen(null, {
    abs: { arguments: ['i32'], return: 'i32' },
    memcmp: { arguments: ['pointer', 'buffer', 'u64'], return: 'i32' },
  }).functions
  if (abs(-71) !== 71 || abs(-1972) !== 1972) return false
  const [one, other] = [Buffer.alloc(4096, 'a'), Buffer.alloc(4096, 'b')]
  return memcmp(ffi.getRawPointer(one), one, 4096n) === 0 && memcmp(ffi.getRawPointer(one), other, 4096n) < 0
}
