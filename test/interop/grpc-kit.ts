import { readFileSync } from 'node:fs'
import { frameMessage } from '../../src/net/frames.ts'
import { clientStream, type Handler, serverStream, unary } from '../../src/net/grpc-types.ts'
import { GrpcCode, GrpcError } from '../../src/net/status.ts'
import { newVault } from '../../src/net/test-kit.ts'

export const MIB = 1024 * 1024
export const PATHS = { echo: '/test.Raw/Echo', collect: '/test.Raw/Collect', feed: '/test.Raw/Feed' } as const

/** Certificates for both ends, as our files and as the folder that the Go peer reads. */
export function newCertificates() {
  const vault = newVault()
  const files = vault.files('metron')
  const pem = { ca: readFileSync(files.ca), cert: readFileSync(files.cert), key: readFileSync(files.key) }
  return { files, pem, dir: vault.dir }
}

export interface RawService {
  methods: Record<string, Handler>
  /** What the streams saw. */
  seen: { messages: number; bytes: number; closed: (GrpcError | undefined)[]; written: number; aborted: number }
}

/** The counterpart of go-grpc's server: Echo (`fail`, `wait`, anything), Collect, Feed (`COUNT SIZE`). */
export function newRawService(): RawService {
  const seen: RawService['seen'] = { messages: 0, bytes: 0, closed: [], written: 0, aborted: 0 }
  const echo = unary((message, call) => {
    const text = message.length < 10 ? message.toString() : ''
    if (text === 'fail')
      throw new GrpcError(GrpcCode.resourceExhausted, 'queue is full: 100% ü', { retryDelayMs: 1500 })
    if (text !== 'wait') return Buffer.from(message)
    return new Promise((_resolve, reject) => {
      call.signal.addEventListener('abort', () => {
        seen.aborted++
        reject(call.signal.reason)
      })
    })
  })
  const collect = clientStream(() => {
    let messages = 0
    let bytes = 0
    return {
      message(buffer, start, end) {
        messages++
        bytes += end - start
        seen.messages++
        seen.bytes += end - start
        if (end - start === 4 && buffer.toString('latin1', start, end) === 'stop')
          throw new GrpcError(GrpcCode.failedPrecondition, 'stopped')
      },
      end: () => Buffer.from(`${messages} ${bytes}`),
      close: (error) => void seen.closed.push(error),
    }
  })
  const feed = serverStream((message, stream) => {
    const [count = 0, size = 0] = message.toString().split(' ').map(Number)
    const framed = frameMessage(Buffer.alloc(size))
    let written = 0
    const fill = () => {
      while (written < count) {
        written++
        seen.written++
        if (!stream.write(framed)) return
      }
      stream.end()
    }
    stream.onDrain(fill)
    stream.onClose((error) => void seen.closed.push(error))
    fill()
  })
  return { methods: { [PATHS.echo]: echo, [PATHS.collect]: collect, [PATHS.feed]: feed }, seen }
}
