import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { onTestFinished } from 'vitest'
import { newFrameReader } from './drains.ts'
import { freePort } from './free-port.ts'

/** A TCP drain in a process of its own, so that it can be killed as machines do it. */
export interface DrainProcess {
  readonly port: number
  readonly messages: string[]
  kill(): Promise<void>
  /** Listens on the same port again. */
  restart(): Promise<void>
}

// Says its port on stderr and hands everything it reads to stdout.
const program = `
const server = require('node:net').createServer((socket) => {
  socket.on('error', () => {})
  socket.pipe(process.stdout, { end: false })
})
server.listen(Number(process.argv[1]), '127.0.0.1', () => process.stderr.write(server.address().port + '\\n'))
`

export async function startDrainProcess(): Promise<DrainProcess> {
  const messages: string[] = []
  let child: ChildProcess
  const start = async (port: number): Promise<number> => {
    child = spawn(process.execPath, ['-e', program, String(port)], { stdio: ['ignore', 'pipe', 'pipe'] })
    // One connection after the other: what a killed one left half is not joined with the next.
    child.stdout!.on(
      'data',
      newFrameReader((message) => void messages.push(message.toString())),
    )
    const [text] = (await once(child.stderr!, 'data')) as [Buffer]
    return Number(text.toString())
  }
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const closed = once(child, 'close')
    child.kill('SIGKILL')
    await closed
  }
  const port = await start(await freePort())
  onTestFinished(kill)
  return { port, messages, kill, restart: async () => void (await start(port)) }
}

/** Whether somebody on this machine has a socket that was connected to this port of 127.0.0.1 and that it has not closed. */
export function isConnectedTo(port: number): boolean {
  const [established, closeWait] = ['01', '08']
  const peer = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const rows = readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .map((row) => row.trim().split(/\s+/))
  return rows.some(([, , remote, state]) => remote === peer && (state === established || state === closeWait))
}
