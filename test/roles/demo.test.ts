import { expect, test } from 'vitest'
import { newFolder } from '../support/folder.ts'
import { startProcess, startRole, until } from '../support/role.ts'

test('the demo makes its certificates, shows what is sent to it, and adds up at the end', async () => {
  const folder = `${newFolder()}/demo`
  const role = await startRole('demo', { TAILRACE_DEMO: folder })
  const address = await role.grpc()
  const words = ['send', 'log', 'hello from a test', '--to', address, '--certs', folder, '--source-id', 'my-app']
  const sent = startProcess(words)
  expect((await sent.ended).code).toBe(0)
  expect(sent.stdout()).toContain('sent 1 log from my-app')
  await until('the line', () => role.stdout().includes('hello from a test'))
  expect(role.stdout()).toContain('my-app')
  expect((await role.stop('SIGINT')).code).toBe(0)
})
