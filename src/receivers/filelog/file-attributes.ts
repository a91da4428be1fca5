import { realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { encodeAttributes } from '../../wire/otlp/log-attributes.ts'
import type { FilelogConfig } from './config.ts'

/** The attributes of records from the file at `path`, encoded. */
export function fileAttributes(path: string, config: FilelogConfig): Buffer {
  const all: Record<string, string> = { ...config.attributes }
  if (config.include_file_name) all['log.file.name'] = basename(path)
  if (config.include_file_path) all['log.file.path'] = path
  if (config.include_file_name_resolved || config.include_file_path_resolved) {
    const real = resolved(path)
    if (config.include_file_name_resolved) all['log.file.name_resolved'] = basename(real)
    if (config.include_file_path_resolved) all['log.file.path_resolved'] = real
  }
  return encodeAttributes(all)
}

function resolved(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return join(resolve(dirname(path)), basename(path))
  }
}
