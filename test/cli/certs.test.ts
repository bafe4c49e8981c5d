// godwit certs, as a person types it: what it refuses, and what it says to do then. Not here: what
// is in a certificate, and who trusts it (test/env/tls.test.ts).

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { godwit, temporaryHome } from './rehearsal.ts'

test('names of no node are refused, and the authority stays what it is', async () => {
  const folder = join(temporaryHome(), 'certs')
  expect((await godwit(`certs init --folder ${folder}`)).code).toBe(0)
  const before = readFileSync(join(folder, 'ca.pem'), 'utf8')
  for (const name of ['ca', 'ca-key', '../elsewhere', 'A_b'])
    expect(await godwit(`certs issue --folder ${folder} ${name}`)).toMatchObject({
      code: 1,
      notes: `no node can be called \`${name}\` here`,
    })
  expect(readFileSync(join(folder, 'ca.pem'), 'utf8')).toBe(before)
  expect(existsSync(join(folder, '../elsewhere.pem'))).toBe(false)
  expect((await godwit(`certs issue --folder ${folder} n1`)).code).toBe(0)
})

test('the command that helps is one that there is, and is about the same folder', async () => {
  const folder = join(temporaryHome(), 'certs')
  const run = (line: string) => godwit(`certs ${line} --folder ${folder}`)
  const helps = async (notes: string) => {
    const [, line = ''] = /godwit (certs .*)$/.exec(notes) ?? []
    expect(line).toContain(`--folder ${folder}`)
    expect(await godwit(line)).toMatchObject({ code: 0 })
  }
  await helps((await run('show')).notes)
  await helps((await run('init')).notes)
  expect((await run('issue n1')).code).toBe(0)
  await helps((await run('revoke n1')).notes)
})
