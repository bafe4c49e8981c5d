// Somebody at a coordinator by a session of their own: what is refused is told with its code, by
// streams too.

import { expect, test } from 'vitest'
import { faultOf } from '#proto/faults.ts'
import { HttpApiClient } from '#scenarios/api-client.ts'
import { RefusingWire } from '#scenarios/local/refusing-wire.ts'
import { hasPeople, server, vmOf, ways } from '../../coordinator/accounts/people.ts'

hasPeople()

const blind = { onHeader() {}, onOutput() {}, onFrame() {}, onClose() {} }
const asWho = (name: string) =>
  new HttpApiClient(new RefusingWire(server.address, ways[name]?.bearer ?? 'gws_nobody'))
const codeOf = (opening: Promise<unknown>) =>
  opening.then(
    () => 'open',
    (thrown) => faultOf(thrown).code,
  )

test.each([
  ['ann', 'unknown-vm', 'unknown-vm'],
  ['vera', 'not-allowed', 'open'],
  ['a stranger', 'bad-token', 'bad-token'],
  ['bob', 'open', 'open'],
])('%s at the VM of bob: streams %s, the API %s', async (name, streams, api) => {
  const client = asWho(name)
  const vm = vmOf('bob')
  expect(await codeOf(client.vm(vm))).toBe(api)
  const sessions = [client.screen(vm, blind), client.console(vm, { replay: false }, blind)]
  expect(await Promise.all(sessions.map(codeOf))).toEqual([streams, streams])
  for (const session of sessions) session.then((open) => open.close()).catch(() => undefined)
})

test('a watch by it shows what its person may see', async () => {
  const seen: string[][] = []
  const onView = ({ vms }: { vms: { id: string }[] }) => void seen.push(vms.map(({ id }) => id))
  const watch = await asWho('bob').watch({ onView, onClose() {} })
  await expect.poll(() => seen).toEqual([[vmOf('bob')]])
  watch.close()
})

test('where nobody listens the link is lost', async () => {
  const wire = new RefusingWire('http://127.0.0.1:1', 'gws_x')
  expect(await codeOf(new HttpApiClient(wire).screen('x', blind))).toBe('link-lost')
})
