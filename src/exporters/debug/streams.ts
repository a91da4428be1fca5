import { createWriteStream } from 'node:fs'
import type { Log } from '../../plugin.ts'
import type { TextStream } from './output.ts'

/** Where the settings want the text: in the agent's log, or in all of `paths` (`stdout`, `stderr` or files). */
export function streamFor(toLog: boolean, paths: readonly string[], log: Log): TextStream {
  if (toLog) return logStream(log)
  const streams = paths.map(pathStream)
  return streams.length === 1 ? streams[0]! : allOf(streams)
}

function pathStream(path: string): TextStream {
  if (path === 'stdout') return process.stdout
  if (path === 'stderr') return process.stderr
  const file = createWriteStream(path, { flags: 'a', mode: 0o600 })
  return {
    write: (text) => file.write(text),
    on: (event, listener) => file.on(event, listener),
    off: (event, listener) => file.off(event, listener),
    get writableNeedDrain() {
      return file.writableNeedDrain
    },
    release: () => void file.end(),
  }
}

function allOf(streams: readonly TextStream[]): TextStream {
  return {
    write: (text) => streams.map((each) => each.write(text)).every(Boolean),
    on: (event, listener) => streams.map((each) => each.on(event, listener)),
    off: (event, listener) => streams.map((each) => each.off(event, listener)),
    get writableNeedDrain() {
      return streams.some((each) => each.writableNeedDrain)
    },
    release: () => {
      for (const each of streams) each.release?.()
    },
  }
}

function logStream(log: Log): TextStream {
  return {
    write(text) {
      for (const line of text.split('\n')) if (line !== '') log.info(line)
      return true
    },
    on() {},
    off() {},
    writableNeedDrain: false,
  }
}
