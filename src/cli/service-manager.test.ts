import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { newUnixDatagrams } from '../net/unix-datagrams.ts'
import { silentLog } from '../runtime/log.ts'
import { serviceManager } from './service-manager.ts'

function manager(): { path: string; heard: string[] } {
  const path = join(mkdtempSync(join(tmpdir(), 'tailrace-notify-')), 'notify')
  const heard: string[] = []
  const listener = newUnixDatagrams({ path, onPacket: (packet) => void heard.push(packet.toString()), log: silentLog })
  listener.start()
  onTestFinished(() => listener.stop())
  return { path, heard }
}

function tellingTo(env: NodeJS.ProcessEnv) {
  const service = serviceManager(silentLog, env, 77)
  onTestFinished(() => service.close())
  return service
}

test('says that everything runs, with what it runs', async () => {
  const { path, heard } = manager()
  tellingTo({ NOTIFY_SOCKET: path }).ready('3 pipelines')
  await expect.poll(() => heard).toEqual(['READY=1\nSTATUS=3 pipelines\nMAINPID=77'])
})

test('a reload carries the time of the clock that systemd compares', async () => {
  const { path, heard } = manager()
  const before = process.hrtime.bigint() / 1000n
  tellingTo({ NOTIFY_SOCKET: path }).reloading()
  await expect.poll(() => heard).toHaveLength(1)
  const [, micros] = /^RELOADING=1\nMONOTONIC_USEC=(\d+)\nSTATUS=reloading$/.exec(heard[0]!)!
  expect(BigInt(micros!)).toBeGreaterThanOrEqual(before)
  expect(BigInt(micros!)).toBeLessThanOrEqual(process.hrtime.bigint() / 1000n)
})

test('says that it stops', async () => {
  const { path, heard } = manager()
  tellingTo({ NOTIFY_SOCKET: path }).stopping()
  await expect.poll(() => heard).toEqual(['STOPPING=1\nSTATUS=draining'])
})

test('a reload that ends after the stop has begun says nothing any more', async () => {
  const { path, heard } = manager()
  const service = tellingTo({ NOTIFY_SOCKET: path })
  service.reloading()
  service.stopping()
  service.ready('running')
  service.reloading()
  await expect.poll(() => heard).toHaveLength(2)
  await new Promise(setImmediate)
  expect(heard.map((text) => text.split('\n')[0])).toEqual(['RELOADING=1', 'STOPPING=1'])
})

test('gives signs of life where they are asked for, until it is closed', async () => {
  const { path, heard } = manager()
  const service = serviceManager(silentLog, { NOTIFY_SOCKET: path, WATCHDOG_USEC: '20000', WATCHDOG_PID: '77' }, 77)
  await expect.poll(() => heard.filter((text) => text === 'WATCHDOG=1').length).toBeGreaterThan(1)
  service.close()
})

test('a watchdog of another process is none of ours', () => {
  const { path } = manager()
  const spy = vi.spyOn(globalThis, 'setInterval')
  onTestFinished(() => spy.mockRestore())
  tellingTo({ NOTIFY_SOCKET: path, WATCHDOG_USEC: '20000', WATCHDOG_PID: '78' })
  expect(spy).not.toHaveBeenCalled()
})

test('without a manager nothing is told, and nothing fails', () => {
  const service = tellingTo({})
  service.ready('')
  service.reloading()
  service.stopping()
})

test('a manager that is not there is named in a warning', () => {
  const warned: string[] = []
  const log = { ...silentLog, warn: (text: string) => void warned.push(text) }
  serviceManager(log, { NOTIFY_SOCKET: '/nowhere/notify' }).ready('')
  expect(warned).toEqual(['the service manager is not told when everything runs: nobody reads NOTIFY_SOCKET'])
})
