// A template between two real clusters, by the command: out of one as a file, into the other, where
// a VM begins from it with its data and as somebody else. And what is not to come in does not.

import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Interrupts } from '#cli/cli.ts'
import { godwit, temporaryHome } from '../cli/rehearsal.ts'
import { type Cluster, nodesOf, startCluster } from './cluster.ts'
import { talk } from './talk.ts'

/** A person at a terminal, with a folder and a key of their own. */
function person() {
  const home = temporaryHome()
  const file = join(home, 'shop.gwt')
  const at = (cluster: Cluster, line: string, interrupts?: Interrupts) =>
    godwit(`--api ${cluster.world.pageUrl} ${line}`, { home, ...(interrupts && { interrupts }) })
  return { home, file, at }
}
type Person = ReturnType<typeof person>

async function say(cluster: Cluster, vm: string, line: string): Promise<string> {
  const console = talk(cluster, vm)
  const answer = await console.ask(line)
  console.close()
  return answer
}

const json = ({ out }: { readonly out: string }) => JSON.parse(out)

/** A shop with a key in it, kept as a template, and written into a file. */
async function exported({ at, file }: Person, cluster: Cluster) {
  const spec = { args: 'workload=kv', diskMib: 4, memoryMib: 24 }
  await cluster.api.run({ id: 'shop', spec })
  await cluster.runsOnce('shop')
  await say(cluster, 'shop', 'put key kept')
  expect((await at(cluster, 'template create shop shop-v1')).code).toBe(0)
  const written = await at(cluster, `template export shop-v1 ${file} -o json`)
  expect(written).toMatchObject({ code: 0 })
  return json(written)
}

/** Its key is trusted, it comes in, and what begins from it is the shop and somebody else. */
async function deployed({ at, file }: Person, here: Cluster, there: Cluster, key: string) {
  const refused = await at(there, `template import ${file}`)
  expect(refused).toMatchObject({ code: 1, notes: expect.stringContaining(`NAME ${key}`) })
  expect((await at(there, `template trust me ${key}`)).code).toBe(0)
  expect((await at(there, `template import ${file}`)).code).toBe(0)
  const shown = json(await at(there, 'template show shop-v1 -o json'))
  expect(shown).toMatchObject({ phase: 'ready', memoryMib: 24, origin: { key } })
  expect((await at(there, 'template deploy shop-v1 web')).code).toBe(0)
  expect(await say(there, 'web', 'get key')).toBe('value kept')
  const identities = [await here.api.vm('shop'), await there.api.vm('web')]
  expect(new Set(identities.map(({ identity }) => identity.instanceId)).size).toBe(2)
}

/** Again nothing is sent; and one of the two may go. */
async function importedAgain({ at, file }: Person, there: Cluster) {
  const again = json(await at(there, `template import ${file} --name two -o json`))
  expect(again).toMatchObject({ template: 'two', sentChunks: 0 })
  expect((await at(there, 'template rm shop-v1')).code).toBe(0)
  expect((await at(there, 'template deploy two web-2')).code).toBe(0)
  expect(await say(there, 'web-2', 'get key')).toBe('value kept')
}

async function refusedWhenAltered({ at, file, home }: Person, there: Cluster) {
  const bytes = readFileSync(file)
  const altered = join(home, 'altered.gwt')
  bytes[bytes.length - 20] = (bytes.at(-20) ?? 0) ^ 4
  writeFileSync(altered, bytes)
  const fresh = await startCluster(nodesOf('n1'))
  const options = `--name bad --trust ${json(await at(there, 'template trusted -o json'))[0].key}`
  const damaged = await at(fresh, `template import ${altered} ${options}`)
  expect(damaged).toMatchObject({ code: 1, notes: expect.stringContaining('damaged or altered') })
  truncateSync(altered, bytes.length - 30)
  const cut = await at(fresh, `template import ${altered} ${options}`)
  expect(cut).toMatchObject({ code: 1, notes: expect.stringContaining('is cut') })
  expect((await godwit(`template verify ${altered}`)).code).toBe(1)
  await expectNothingLeft(fresh)
  const interrupts = new Interrupts()
  const stopped = at(fresh, `template import ${file} ${options}`, interrupts)
  interrupts.interrupt()
  expect((await stopped).code).toBe(130)
  await expectNothingLeft(fresh)
}

async function expectNothingLeft({ api, folder: { disks } }: Cluster) {
  expect(await api.templates()).toEqual([])
  await expect.poll(() => readdirSync(join(disks, 'snapshots'))).toEqual([])
  expect(readdirSync(disks)).toEqual(['snapshots'])
}

test('a shop moves to another cluster as one file', { timeout: 300_000 }, async () => {
  const me = person()
  const here = await startCluster(nodesOf('n1'))
  const there = await startCluster(nodesOf('n1'))
  const { id, key } = await exported(me, here)
  const verified = json(await godwit(`template verify ${me.file} -o json`, { home: me.home }))
  expect(verified).toMatchObject({ id, key, name: 'shop-v1' })
  const taken = await me.at(here, `template export shop-v1 ${me.file}`)
  expect(taken).toMatchObject({ code: 1, notes: expect.stringContaining('is there already') })
  const none = join(me.home, 'none.gwt')
  expect((await me.at(here, `template export none ${none}`)).code).toBe(1)
  expect(existsSync(none)).toBe(false)
  await deployed(me, here, there, key)
  await importedAgain(me, there)
  await refusedWhenAltered(me, there)
  expect(readdirSync(me.home).filter((name) => name.includes('.part'))).toEqual([])
})
