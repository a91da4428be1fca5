import { dirname } from 'node:path'
import { queued } from '../../delivery/queued.ts'
import { type SendResult, sent } from '../../delivery/sender.ts'
import { newCompressor } from '../../net/compression.ts'
import { charged } from '../../net/memory.ts'
import type { Exporter, Host } from '../../plugin.ts'
import type { Batch } from '../../telemetry/batch.ts'
import type { FileConfig } from './config.ts'
import { DataFile } from './data-file.ts'
import type { Disk } from './disk.ts'
import { newFrame } from './frames.ts'

/** Most bytes of a file when `rotation` leaves it out or says 0. */
const defaultMegabytes = 100

/** One file behind one queue. */
export function newFileExporter(config: FileConfig, host: Host, disk: Disk): Exporter {
  const { path, rotation, compression, format, fsync } = config
  const file = new DataFile({
    path,
    append: config.append || rotation !== undefined,
    lines: format === 'json' && compression === 'none',
    maxBytes: rotation && (rotation.max_megabytes || defaultMegabytes) * 1024 * 1024,
    maxDays: rotation?.max_days ?? 0,
    maxBackups: rotation?.max_backups ?? 0,
    localTime: rotation?.localtime ?? false,
    fsync,
    disk,
    clock: host.clock,
    log: host.log,
  })
  const isCopied = format === 'json' || compression === 'zstd'
  const frame = newFrame(format, compression === 'zstd' ? newCompressor('zstd') : undefined)
  host.total('rotations', 'Files put aside because they were full.', () => file.rotations)

  // A write that was given up at its timeout is still under way: the next one waits for it.
  let last: Promise<unknown> = Promise.resolve()
  const send = async (batch: Batch, signal: AbortSignal): Promise<SendResult> => {
    const parts = await frame(batch)
    const add = () => {
      signal.throwIfAborted()
      return file.add(parts)
    }
    const copied = isCopied ? parts.reduce((sum, { length }) => sum + length, 0) : 0
    const done = charged(host.budget, copied, () => last.then(add, add))
    last = done
    await done
    return fsync ? { ...sent(batch.count), durable: true } : sent(batch.count)
  }
  const connect = async () => {
    try {
      if (config.create_directory)
        await disk.makeFolder(dirname(path), Number.parseInt(config.directory_permissions, 8))
      await file.open()
    } catch (error) {
      throw new Error(`${host.id}: ${path} cannot be written: ${(error as Error).message}; ${advice(error)}`)
    }
    host.log.info('writing', { path })
  }
  const close = async () => {
    await last.catch(() => {})
    await file.close()
  }
  return queued(config, host, { connect, send, close })
}

function advice(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'make the directory, or set `create_directory: true`'
  if (code === 'EACCES' || code === 'EPERM') return 'let the user of this process write there'
  return 'name another `path`'
}
