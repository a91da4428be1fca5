import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root, runTailrace } from '../repository/process.ts'
import { newFolder } from '../support/folder.ts'

const file = (name: string) => join(root, 'test/testdata/collectors', `${name}.yaml`)

async function migrate(...args: string[]) {
  const run = runTailrace(['migrate', ...args])
  return { code: await run.done, out: run.stdout(), err: run.stderr() }
}

test('0 when everything is known: the file on the standard output, the report on the other', async () => {
  const { code, out, err } = await migrate(file('gateway'))
  expect([code, out]).toEqual([0, readFileSync(file('gateway'), 'utf8')])
  expect(err).toContain('6 of 6 components are known')
})

test('1 when something is not; -o writes a file that runs', async () => {
  const to = join(newFolder(), 'new.yaml')
  const { code, out } = await migrate(file('kafka-edge'), '-o', to)
  expect([code, out]).toEqual([1, ''])
  expect(await runTailrace(['validate', `--config=${to}`]).done).toBe(0)
})

test('the old file is not written over, and one that is not there is named', async () => {
  expect((await migrate(file('gateway'), '-o', file('gateway'))).code).toBe(2)
  const { code, err } = await migrate('/nowhere/otel.yaml')
  expect([code, err]).toEqual([78, expect.stringContaining('there is no such file')])
})
